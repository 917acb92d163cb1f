import { KiB } from "@casemate/core";
import type { Look } from "../look.ts";
import { debVersions } from "../versions/deb-versions.ts";

/** An entry of the Boot Loader Specification (uapi-group.org, "Type #1"). */
export interface BlsEntry {
  /** Its file's name, without `.conf`. */
  readonly id: string;
  readonly version: string;
  readonly sortKey: string;
  readonly image: string;
}

const MAX_BYTES = 64 * KiB;
/** HOSTILE: nobody has more kernels. */
const MAX_ENTRIES = 1_000;

/** The entries in a directory; those that boot no Linux are passed over. */
export function readBlsEntries(look: Look, directory: string): readonly BlsEntry[] {
  const entries: BlsEntry[] = [];
  for (const { name } of look.list(directory)) {
    if (!name.endsWith(".conf") || entries.length >= MAX_ENTRIES) continue;
    const text = look.read(`${directory}/${name}`, MAX_BYTES)?.toString("utf8") ?? "";
    const value = (key: string) => new RegExp(`^${key}[ \\t]+(.+)$`, "m").exec(text)?.[1]?.trim();
    const image = value("linux");
    if (image === undefined) continue;
    const version = value("version") ?? "";
    entries.push({ id: name.slice(0, -5), version, sortKey: value("sort-key") ?? "", image });
  }
  return entries;
}

/**
 * The image of the entry that `wanted` (an id, a pattern of ids, or a number) names; where it names none, of
 * the first as boot loaders order them: by sort key, then the newest version.
 */
export function findBlsDefault(
  entries: readonly BlsEntry[],
  wanted: string | undefined,
): string | undefined {
  const ordered = entries.toSorted(
    (one, other) =>
      Number(other.sortKey !== "") - Number(one.sortKey !== "") ||
      compareText(one.sortKey, other.sortKey) ||
      debVersions.compare(other.version, one.version) ||
      debVersions.compare(other.id, one.id),
  );
  if (wanted !== undefined && /^\d+$/.test(wanted)) return ordered[Number(wanted)]?.image;
  const pattern = wanted ?? "";
  const named = ordered.find(({ id }) => matches(pattern, id) || matches(pattern, `${id}.conf`));
  return (named ?? ordered[0])?.image;
}

const compareText = (one: string, other: string): number =>
  one === other ? 0 : one < other ? -1 : 1;

/**
 * Whether glob(7), without brackets and capitals apart, takes the name. HOSTILE: as a regular expression it
 * could take for ever; here a star is tried again only from the last one on.
 */
function matches(pattern: string, name: string): boolean {
  const wanted = pattern.toLowerCase();
  const text = name.toLowerCase();
  let at = 0;
  let star = -1;
  let from = 0;
  for (let i = 0; i < text.length; ) {
    if (wanted[at] === "*") {
      star = at;
      from = i;
      at += 1;
    } else if (at < wanted.length && (wanted[at] === "?" || wanted[at] === text[i])) {
      at += 1;
      i += 1;
    } else if (star >= 0) {
      at = star + 1;
      from += 1;
      i = from;
    } else {
      return false;
    }
  }
  return wanted.slice(at).replaceAll("*", "") === "";
}
