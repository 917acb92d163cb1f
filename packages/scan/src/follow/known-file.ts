import type { Ext4Layout, FileStat, PlacedRun } from "@casemate/formats/disk";
import type { RangeSet } from "./range-set.ts";

/** A name that leads to a file. */
export interface Link {
  /** The directory's inode. */
  readonly parent: number;
  readonly name: string;
}

/** What an index keeps of an inode; never changed, but put in another's place. */
export interface KnownFile {
  readonly stat: FileStat;
  readonly generation: number;
  /** Where the inode is on the volume, in bytes. */
  readonly at: number;
  /** What the inode itself holds, a character each byte. */
  readonly inside: string;
  readonly runs: readonly PlacedRun[];
  /** Blocks that tell where its blocks are. */
  readonly nodes: readonly number[];
  readonly links: readonly Link[];
  /** Of a directory: the inodes that its names lead to. */
  readonly names: ReadonlyMap<string, number> | undefined;
}

/** HOSTILE: a file may be in as many pieces as it has blocks. */
const MOST_RUNS = 100_000;
/** Rough sizes in V8's heap: of objects, of names with their entry in a map. */
const FILE_BYTES = 600;
const NAME_BYTES = 150;
const RUN_BYTES = 60;

/** The inode as it is now, with no names; throws `disk/*`. */
export function readKnownFile(layout: Ext4Layout, inode: number): KnownFile {
  const { stat, generation, at, inside } = layout.inode(inode);
  const { runs, nodes } = layout.blocks(inode, MOST_RUNS);
  const names = stat.type === "directory" ? new Map<string, number>() : undefined;
  const held = Buffer.from(inside).toString("latin1");
  return { stat, generation, at, inside: held, runs, nodes, links: [], names };
}

/** Whether it is the same file, not another one that got the inode's number. */
export function isSameFile(one: KnownFile, other: KnownFile): boolean {
  return one.generation === other.generation && one.stat.type === other.stat.type;
}

/** Whether its inode or what tells of its blocks was written to. */
export function isInodeTouched(
  { at, nodes }: KnownFile,
  touched: RangeSet,
  { inodeSize, blockSize }: Ext4Layout,
): boolean {
  if (touched.touches(at, at + inodeSize)) return true;
  return nodes.some((node) => touched.touches(node * blockSize, (node + 1) * blockSize));
}

/** Whether its blocks were written to. */
export function areBlocksTouched(
  { runs }: KnownFile,
  touched: RangeSet,
  { blockSize }: Ext4Layout,
): boolean {
  return runs.some(({ physical, count }) =>
    touched.touches(physical * blockSize, (physical + count) * blockSize),
  );
}

/** About how many bytes an index takes for it. */
export function weighFile({ runs, nodes, links, names, inside }: KnownFile): number {
  const all = links.length + (names?.size ?? 0);
  return FILE_BYTES + NAME_BYTES * all + RUN_BYTES * runs.length + 8 * nodes.length + inside.length;
}
