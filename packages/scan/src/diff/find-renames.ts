import { CasemateError } from "@casemate/core";
import type { FileStat } from "@casemate/formats/disk";
import { hashFile } from "../integrity/hash-file.ts";
import type { VisitedFile } from "../visitor.ts";
import { describeFile } from "./describe-file.ts";
import type { FileChange, FileState } from "./file-change.ts";

/** A file that is in one of two states alone. */
export interface LoneFile {
  readonly path: string;
  readonly stat: FileStat;
  /** Each time anew: what was read of it is not kept. */
  open(): VisitedFile;
}

type Miss = (path: string, problem: CasemateError) => void;

/**
 * What became of files of one state alone: some of those removed and of those added are the same under another
 * name. A file is where its contents are the same, a directory where its inode is; of a directory that was renamed
 * what is in it is not told of again.
 */
export function findRenames(
  removed: readonly LoneFile[],
  added: readonly LoneFile[],
  miss: Miss,
): readonly FileChange[] {
  const changes: FileChange[] = [];
  const gone = new Map(removed.map((lone) => [lone.path, lone]));
  const renames = matchFiles(removed, added, miss);
  const directories = new Map<string, string>();
  for (const lone of added) {
    const { path, stat } = lone;
    const rename = renames.get(path);
    const after = describeLone(lone, miss);
    if (after === undefined) continue;
    if (rename === undefined) {
      changes.push({ change: "added", path, after });
      continue;
    }
    const { from, by } = rename;
    gone.delete(from.path);
    if (stat.type === "directory") directories.set(path, from.path);
    if (isImplied(path, from.path, directories)) continue;
    const before = describeLone(from, miss);
    if (before === undefined) continue;
    changes.push({ change: "renamed", path, from: from.path, by, before, after });
  }
  for (const lone of gone.values()) {
    const before = describeLone(lone, miss);
    if (before !== undefined) changes.push({ change: "removed", path: lone.path, before });
  }
  return changes;
}

interface Rename {
  readonly from: LoneFile;
  readonly by: "inode" | "contents";
}

/** Where each of `added` was, by its path. */
function matchFiles(
  removed: readonly LoneFile[],
  added: readonly LoneFile[],
  miss: Miss,
): ReadonlyMap<string, Rename> {
  const found = new Map<string, Rename>();
  const left = Map.groupBy(removed, likeness);
  const digests = new Map<LoneFile, string>();
  const digestOf = (lone: LoneFile): string => {
    const known = digests.get(lone) ?? hashFile(lone.open(), "sha256");
    digests.set(lone, known);
    return known;
  };
  for (const lone of added) {
    const { stat } = lone;
    const others = left.get(likeness(lone)) ?? [];
    try {
      const sameInode = others.findIndex((other) => other.stat.inode === stat.inode);
      const isSame = (other: LoneFile) => isAlike(lone, other, digestOf);
      const sameNode = others[sameInode];
      const byInode = sameNode !== undefined && isSame(sameNode) ? sameInode : -1;
      // Empty files are all the same, and directories have no contents.
      const hasContents = stat.type === "file" && stat.size > 0;
      const at = byInode >= 0 || !hasContents ? byInode : others.findIndex(isSame);
      const [from] = at < 0 ? [] : others.splice(at, 1);
      if (from !== undefined)
        found.set(lone.path, { from, by: byInode >= 0 ? "inode" : "contents" });
    } catch (thrown) {
      if (!(thrown instanceof CasemateError) || thrown.code === "inspect/budget") throw thrown;
      miss(lone.path, thrown);
    }
  }
  return found;
}

/** Files that may be the same: contents of as many bytes, and all directories. */
const likeness = ({ stat }: LoneFile): string =>
  `${stat.type} ${stat.type === "directory" ? "" : stat.size}`;

function isAlike(one: LoneFile, other: LoneFile, digestOf: (lone: LoneFile) => string): boolean {
  const { type } = one.stat;
  if (type === "symlink") return one.open().target() === other.open().target();
  if (type === "file") return digestOf(one) === digestOf(other);
  // An inode is given to something new once it is free: what keeps its time is still what it was.
  return one.stat.modifiedMs === other.stat.modifiedMs;
}

/** Whether a file went with a directory it is in. */
function isImplied(path: string, from: string, directories: ReadonlyMap<string, string>): boolean {
  const [parent, name] = split(path);
  const [oldParent, oldName] = split(from);
  return name === oldName && directories.get(parent) === oldParent;
}

function split(path: string): readonly [parent: string, name: string] {
  const end = path.lastIndexOf("/");
  return [path.slice(0, end), path.slice(end + 1)];
}

function describeLone({ path, open }: LoneFile, miss: Miss): FileState | undefined {
  try {
    return describeFile(open());
  } catch (thrown) {
    if (!(thrown instanceof CasemateError)) throw thrown;
    miss(path, thrown);
    return undefined;
  }
}
