import { MiB } from "@casemate/core";
import type { Look } from "../look.ts";
import { parseGlob } from "./parse-glob.ts";

const CONFIGURATION = "/etc/dpkg/dpkg.cfg";
const DIRECTORY = "/etc/dpkg/dpkg.cfg.d";
const MAX_BYTES = MiB;

/** What dpkg leaves out when it installs, by its `path-exclude` and `path-include` (dpkg(1)): the last that fits. */
export function readDpkgPathFilter(look: Look): (path: string) => boolean {
  const names = [...look.list(DIRECTORY)].map(({ name }) => name).sort();
  const files = [...names.filter(isRead).map((name) => `${DIRECTORY}/${name}`), CONFIGURATION];
  const rules: { readonly excludes: boolean; fits(path: string): boolean }[] = [];
  for (const file of files) {
    for (const line of look.read(file, MAX_BYTES)?.toString("utf8").split("\n") ?? []) {
      const [, kind, glob = ""] = /^\s*path-(exclude|include)[\s=]+(.*?)\s*$/.exec(line) ?? [];
      if (kind === undefined) continue;
      // fnmatch(3) without FNM_PATHNAME: a star goes over slashes.
      const fits = parseGlob(glob.replace(/^(["'])(.*)\1$/, "$2"), { slashes: true });
      rules.push({ excludes: kind === "exclude", fits });
    }
  }
  return (path) => rules.findLast(({ fits }) => fits(path))?.excludes ?? false;
}

/** dpkg, lib/dpkg/options.c: other names are passed over. */
const isRead = (name: string): boolean => /^[A-Za-z0-9_-]+$/.test(name);
