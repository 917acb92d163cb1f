import { CasemateError } from "@casemate/core";
import type { FileNode, FileSystem } from "@casemate/formats/disk";

/** A path in two trees, and what is there in each. */
export interface FilePair {
  readonly path: string;
  readonly before: FileNode | undefined;
  readonly after: FileNode | undefined;
}

/** Which of two trees. */
export type Side = "before" | "after";

/** Linux refuses paths beyond 4,096 bytes, two a directory. */
const MAX_DEPTH = 2048;
/** HOSTILE: names are held until both directories are read. */
const MAX_ENTRIES = 1_000_000;

type Miss = (side: Side, path: string, problem: CasemateError) => void;

/**
 * Every path of two trees, each directory before what is in it; what is in one of them alone included. Symbolic
 * links are not followed.
 *
 * HOSTILE: a directory may be in itself, or in two others: in each tree it is walked once, and the second way to
 * it is missed. What cannot be opened is missed and not told of as a file.
 */
export function walkPairs(before: FileSystem, after: FileSystem, miss: Miss): Generator<FilePair> {
  const roots = { path: "", before: before.find("/"), after: after.find("/") };
  const seen = { before: new Set([inodeOf(roots.before)]), after: new Set([inodeOf(roots.after)]) };
  return walkDirectories(roots, { seen, miss, depth: 0 });
}

interface Walking {
  readonly seen: Readonly<Record<Side, Set<number>>>;
  readonly miss: Miss;
  readonly depth: number;
}

function* walkDirectories(pair: FilePair, walking: Walking): Generator<FilePair> {
  const olds = readNames(pair, "before", walking);
  const news = readNames(pair, "after", walking);
  // A directory of which not all names are known says nothing of what is not there.
  if (olds === undefined || news === undefined) return;
  for (const name of new Set([...olds.keys(), ...news.keys()])) {
    const path = `${pair.path}/${name}`;
    const before = open(olds.get(name), path, "before", walking);
    const after = open(news.get(name), path, "after", walking);
    if (before === "missed" || after === "missed") continue;
    const here = { path, before, after };
    yield here;
    if (!isDirectory(before) && !isDirectory(after)) continue;
    if (walking.depth > MAX_DEPTH) {
      const side = isDirectory(before) ? "before" : "after";
      walking.miss(side, path, wrong(path, `directories ${MAX_DEPTH} deep`));
      continue;
    }
    yield* walkDirectories(here, { ...walking, depth: walking.depth + 1 });
  }
}

const inodeOf = ({ stat }: FileNode): number => stat.inode;
const isDirectory = (node: FileNode | undefined): boolean => node?.stat.type === "directory";

type Names = ReadonlyMap<string, () => FileNode>;

/** The names in a directory; none where there is none, `undefined` where they cannot all be read. */
function readNames(pair: FilePair, side: Side, { miss }: Walking): Names | undefined {
  const names = new Map<string, () => FileNode>();
  const directory = pair[side];
  if (directory?.stat.type !== "directory") return names;
  const path = pair.path === "" ? "/" : pair.path;
  try {
    for (const { name, open: openEntry } of directory.entries()) {
      if (name.includes("/") || name === "") throw wrong(path, "a name with a slash");
      if (names.size >= MAX_ENTRIES) throw wrong(path, `more than ${MAX_ENTRIES} names`);
      names.set(name, openEntry);
    }
    return names;
  } catch (thrown) {
    if (!(thrown instanceof CasemateError)) throw thrown;
    miss(side, path, thrown);
    return undefined;
  }
}

function open(
  openEntry: (() => FileNode) | undefined,
  path: string,
  side: Side,
  { seen, miss }: Walking,
): FileNode | undefined | "missed" {
  if (openEntry === undefined) return undefined;
  try {
    const node = openEntry();
    if (node.stat.type !== "directory") return node;
    const { inode } = node.stat;
    if (seen[side].has(inode)) throw wrong(path, `directory ${inode} a second time`);
    seen[side].add(inode);
    return node;
  } catch (thrown) {
    if (!(thrown instanceof CasemateError)) throw thrown;
    miss(side, path, thrown);
    return "missed";
  }
}

function wrong(path: string, seen: string): CasemateError {
  return new CasemateError(
    "disk/damaged",
    `Cannot walk to ${path}: there is ${seen}, expected a tree.`,
  );
}
