import type { FileEvent, MetadataChanges } from "./file-event.ts";
import { metadataFields } from "./file-event.ts";
import type { FileTree } from "./file-tree.ts";
import { isSameFile, type KnownFile, type Link } from "./known-file.ts";
import type { ByteRange } from "./range-set.ts";

/** What tells which bytes of a file were written. */
export type WrittenOf = (before: KnownFile, after: KnownFile) => readonly ByteRange[];

/**
 * What happened between a tree as it was and as it is: first what was deleted, what is in a directory before
 * it; then what was moved; then what was created, a directory before what is in it; then the rest.
 *
 * @param inodes those that may have changed, in the order in which they were come upon.
 */
export function compareTrees(
  tree: FileTree,
  inodes: readonly number[],
  writtenOf: WrittenOf,
): readonly FileEvent[] {
  const deleted: FileEvent[] = [];
  const moved: FileEvent[] = [];
  const created: FileEvent[] = [];
  const rest: FileEvent[] = [];
  for (const inode of inodes) {
    const before = tree.getBefore(inode);
    const after = tree.get(inode);
    const isSame = before !== undefined && after !== undefined && isSameFile(before, after);
    const [gone, come] = compareLinks(before?.links ?? [], after?.links ?? [], isSame);
    const pairs = isSame ? Math.min(gone.length, come.length) : 0;
    for (const [i, link] of come.entries()) {
      const path = tree.path(link);
      const from = i < pairs ? gone[i] : undefined;
      if (from !== undefined) {
        moved.push({ kind: "moved", path, from: tree.pathBefore(from), inode });
      } else if (after !== undefined) {
        created.push({ kind: "created", path, inode, stat: after.stat });
      }
    }
    for (const link of gone.slice(pairs)) {
      if (before === undefined) continue;
      const path = tree.pathBefore(link);
      deleted.push({ kind: "deleted", path, inode, stat: before.stat });
    }
    if (!isSame) continue;
    const [name] = after.links;
    const path = name === undefined ? "/" : tree.path(name);
    const ranges = after.stat.type === "directory" ? [] : writtenOf(before, after);
    if (ranges.length > 0) rest.push({ kind: "contents", path, inode, ranges });
    const changes = compareStats(before, after);
    if (Object.keys(changes).length > 0) rest.push({ kind: "metadata", path, inode, changes });
  }
  const byDepth = (a: FileEvent, b: FileEvent) => depth(a) - depth(b);
  return [...deleted.toSorted(byDepth).reverse(), ...moved, ...created.toSorted(byDepth), ...rest];
}

const depth = ({ path }: FileEvent): number => path.split("/").length;

/** Names that lead to a file no more, and that do now; all of both where it is another file. */
function compareLinks(
  before: readonly Link[],
  after: readonly Link[],
  isSame: boolean,
): readonly [gone: readonly Link[], come: readonly Link[]] {
  if (!isSame) return [before, after];
  const key = ({ parent, name }: Link) => `${parent}/${name}`;
  const were = new Set(before.map(key));
  const are = new Set(after.map(key));
  return [
    before.filter((link) => !are.has(key(link))),
    after.filter((link) => !were.has(key(link))),
  ];
}

function compareStats({ stat: from }: KnownFile, { stat: to }: KnownFile): MetadataChanges {
  const changed = metadataFields.filter((field) => from[field] !== to[field]);
  const changes = changed.map((field) => [field, { from: from[field], to: to[field] }]);
  return Object.fromEntries(changes) as MetadataChanges; // each field with its own values
}
