import { CasemateError, MiB } from "@casemate/core";
import { attempt } from "../attempt.ts";
import type { Look } from "../look.ts";
import { walkDeb822 } from "../packages/deb822.ts";
import { readDpkgPathFilter } from "./dpkg-path-filter.ts";
import type { PackageManifest } from "./package-manifest.ts";

const STATUS = "/var/lib/dpkg/status";
const INFO = "/var/lib/dpkg/info";
/** Images without dpkg itself ("distroless") have what there is in one directory. */
const STATUS_DIRECTORY = "/var/lib/dpkg/status.d";
const DIVERSIONS = "/var/lib/dpkg/diversions";
/** The longest list of a package, of the Linux headers, takes 1 MiB. */
const MAX_BYTES = 64 * MiB;
const STATUS_FIELDS: ReadonlySet<string> = new Set(["package", "status", "conffiles"]);
/** The states in which the files are there (dpkg(1), "Package states"). */
const PRESENT: ReadonlySet<string> = new Set([
  ...["installed", "unpacked", "half-configured", "triggers-awaited", "triggers-pending"],
]);

/** Adds the files of dpkg's packages, as its lists, checksums, configuration files and diversions have them. */
export function addDpkgFiles(manifest: Pick<PackageManifest, "add">, look: Look): void {
  const info = readInfo(look, INFO);
  const diversions = readDiversions(look);
  const isExcluded = readDpkgPathFilter(look);
  const { present, conffiles } = readStatus(look);
  for (const [stem, { list, md5sums }] of info) {
    const name = stem.replace(/:.*$/, "");
    if (!present.has(name) || list === undefined) continue;
    const sums = parseMd5sums(md5sums);
    let unsummed = 0;
    for (const path of list.split("\n")) {
      if (path === "" || path === "/.") continue;
      const conffile = conffiles.get(name)?.get(path);
      const md5 = conffile?.md5 ?? sums.get(path);
      if (md5 === undefined) unsummed += 1;
      const diversion = diversions.get(path);
      const here = diversion === undefined || diversion.by === name ? path : diversion.to;
      manifest.add(here, {
        ...{ package: name, packageType: "deb", isConfiguration: conffile !== undefined },
        mayBeMissing: conffile?.mayBeMissing === true || isExcluded(path),
        ...(md5 === undefined ? {} : { type: "file", digest: { algorithm: "md5", hex: md5 } }),
        ...(md5 === undefined && md5sums !== undefined && conffile === undefined
          ? { lacksDigest: true }
          : {}),
      });
    }
    if (md5sums === undefined && unsummed > 0) missIfFiles(look, stem, list);
  }
  for (const [stem, { md5sums }] of readInfo(look, STATUS_DIRECTORY)) {
    for (const [path, hex] of parseMd5sums(md5sums)) {
      const digest = { algorithm: "md5", hex } as const;
      manifest.add(path, {
        ...{ package: stem, packageType: "deb", isConfiguration: false, mayBeMissing: false },
        ...{ type: "file", digest },
      });
    }
  }
}

interface PackageInfo {
  list?: string;
  md5sums?: string;
}

/** The lists and checksums of packages by what their file names begin with: `dash`, `libc6:amd64`. */
function readInfo(look: Look, directory: string): ReadonlyMap<string, PackageInfo> {
  const found = new Map<string, PackageInfo>();
  for (const { name, open } of look.list(directory)) {
    const [, stem = "", kind] = /^(.+)\.(list|md5sums)$/.exec(name) ?? [];
    if (kind !== "list" && kind !== "md5sums") continue;
    const text = attempt(look, `${directory}/${name}`, () => {
      const contents = open().contents();
      if (contents.size > MAX_BYTES) throw tooLong(`${directory}/${name}`, contents.size);
      const bytes = Buffer.allocUnsafe(contents.size);
      contents.read(0, bytes);
      return bytes.toString("utf8");
    });
    if (text === undefined) continue;
    const entry = found.get(stem) ?? {};
    entry[kind] = text;
    found.set(stem, entry);
  }
  return found;
}

/** `MD5  PATH` a line, paths without the slash they begin with (deb-md5sums(5)). */
function parseMd5sums(text: string | undefined): ReadonlyMap<string, string> {
  const sums = new Map<string, string>();
  for (const line of text?.split("\n") ?? []) {
    const [, md5, path] = /^([0-9a-f]{32}) [ *](?:\.?\/)?(.+)$/.exec(line) ?? [];
    if (md5 !== undefined) sums.set(`/${path}`, md5);
  }
  return sums;
}

/** A file moved away for another package's: three lines each, from, to and by whom (dpkg-divert(1)). */
interface Diversion {
  readonly to: string;
  /** The package that has the path; `:` where an administrator diverted it. */
  readonly by: string;
}

function readDiversions(look: Look): ReadonlyMap<string, Diversion> {
  const lines = look.read(DIVERSIONS, MAX_BYTES)?.toString("utf8").split("\n") ?? [];
  const found = new Map<string, Diversion>();
  for (let i = 0; i + 2 < lines.length; i += 3) {
    const [from = "", to = "", by = ""] = lines.slice(i, i + 3);
    found.set(from, { to, by });
  }
  return found;
}

/** A configuration file, as status has it. */
interface Conffile {
  /** Absent where it was never there. */
  readonly md5?: string;
  readonly mayBeMissing: boolean;
}

interface Status {
  readonly present: ReadonlySet<string>;
  /** By package and path. */
  readonly conffiles: ReadonlyMap<string, ReadonlyMap<string, Conffile>>;
}

function readStatus(look: Look): Status {
  const present = new Set<string>();
  const conffiles = new Map<string, Map<string, Conffile>>();
  const text = look.read(STATUS, MAX_BYTES)?.toString("utf8") ?? "";
  for (const stanza of walkDeb822(text, STATUS_FIELDS)) {
    const name = stanza.get("package") ?? "";
    if (!PRESENT.has(stanza.get("status")?.split(/\s+/)[2] ?? "")) continue;
    present.add(name);
    const own = conffiles.get(name) ?? new Map<string, Conffile>();
    conffiles.set(name, own);
    for (const line of stanza.get("conffiles")?.split("\n") ?? []) {
      // `obsolete` and `remove-on-upgrade` follow what the package has no longer.
      const [, path, sum, state] = /^ *(\/.*) ([0-9a-f]{32}|newconffile)( .+)?$/.exec(line) ?? [];
      if (path === undefined || sum === undefined) continue;
      const isNew = sum === "newconffile";
      const mayBeMissing = isNew || state !== undefined;
      own.set(path, { ...(isNew ? {} : { md5: sum }), mayBeMissing });
    }
  }
  return { present, conffiles };
}

/** Without checksums nothing can be said of a package's files: that is no "unchanged". */
function missIfFiles(look: Look, stem: string, list: string): void {
  const isFile = (path: string) =>
    path !== "" &&
    attempt(look, path, () => look.files.stat(path), { mayBeAbsent: true })?.type === "file";
  if (!list.split("\n").some(isFile)) return;
  const path = `${INFO}/${stem}.md5sums`;
  const seen = "it is not there";
  look.miss(
    path,
    new CasemateError(
      "scan/damaged",
      `Cannot check the files of package ${stem}: ${seen}, expected their checksums.`,
    ),
  );
}

function tooLong(path: string, size: number): CasemateError {
  return new CasemateError(
    "disk/unsupported",
    `Cannot read ${path}: it has ${size} bytes, expected ${MAX_BYTES} at most.`,
  );
}
