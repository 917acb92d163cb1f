import { KiB } from "@casemate/core";
import type { Look } from "../look.ts";

/** What a system says that it is (os-release(5)). HOSTILE: the guest says it. */
export interface OsRelease {
  /** `debian`, `almalinux`, `alpine`. */
  readonly id: string;
  /** `12`, `9.4`, `3.20.3`; rolling distributions have none. */
  readonly versionId?: string;
  readonly codename?: string;
  readonly prettyName?: string;
  /** What it is made from, nearest first: `rhel`, `centos`, `fedora`. */
  readonly idLike: readonly string[];
}

const PLACES = ["/etc/os-release", "/usr/lib/os-release"] as const;
const MAX_BYTES = 64 * KiB;

/** What the system says that it is; `undefined` where it says nothing. */
export function readOsRelease(look: Pick<Look, "read">): OsRelease | undefined {
  for (const place of PLACES) {
    const bytes = look.read(place, MAX_BYTES);
    const release = bytes === undefined ? undefined : parseOsRelease(bytes.toString("utf8"));
    if (release !== undefined) return release;
  }
  return undefined;
}

/** An os-release file; `undefined` where it has no `ID`. */
export function parseOsRelease(text: string): OsRelease | undefined {
  const values = new Map<string, string>();
  for (const line of text.split("\n")) {
    const [, name = "", value = ""] = /^\s*([A-Z][A-Z0-9_]*)=(.*)$/.exec(line) ?? [];
    if (name !== "") values.set(name, unquote(value.trim()));
  }
  const id = values.get("ID") ?? "";
  if (id === "") return undefined;
  const versionId = values.get("VERSION_ID") ?? "";
  const codename = values.get("VERSION_CODENAME") ?? "";
  const prettyName = values.get("PRETTY_NAME") ?? "";
  return {
    id,
    ...(versionId === "" ? {} : { versionId }),
    ...(codename === "" ? {} : { codename }),
    ...(prettyName === "" ? {} : { prettyName }),
    idLike: (values.get("ID_LIKE") ?? "").split(/\s+/).filter((word) => word !== ""),
  };
}

/** A value as a shell takes it: in quotes or not, `\` before what would mean something. */
function unquote(text: string): string {
  const quote = text[0];
  if ((quote !== '"' && quote !== "'") || text.length < 2 || !text.endsWith(quote)) return text;
  const inner = text.slice(1, -1);
  return quote === "'" ? inner : inner.replaceAll(/\\(["$`\\])/g, "$1");
}

/** The distro qualifier of package URLs: `debian-12`. */
export function distroQualifier({ id, versionId }: OsRelease): string {
  return versionId === undefined ? id : `${id}-${versionId}`;
}
