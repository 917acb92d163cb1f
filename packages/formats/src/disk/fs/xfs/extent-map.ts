import type { BlockRun, FindRun } from "../block-run.ts";
import { EXTENT_BYTES, type Extent, lastAtOrBefore, parseExtents } from "./extent-list.ts";
import { damaged } from "./xfs-error.ts";
import type { XfsInode } from "./xfs-inode.ts";
import type { XfsVolume } from "./xfs-volume.ts";

/** Blocks of a file from `start` to before `end`, and what of them is there. */
interface Leaf {
  readonly start: number;
  readonly end: number;
  readonly extents: readonly Extent[];
}

/** An inner node: where each child begins in the file, and in which block it is. */
interface Node {
  /** Levels below it, 1 or more. */
  readonly level: number;
  readonly count: number;
  keyAt(index: number): number;
  childAt(index: number): number;
}

/** `struct xfs_bmdr_block`, in an inode, and `struct xfs_btree_block`, its long form of both versions. */
const ROOT_HEADER_BYTES = 4;
const BLOCK_V4 = { magic: 0x424d_4150, headerBytes: 24 } as const; // "BMAP"
const BLOCK_V5 = { magic: 0x424d_4133, headerBytes: 72 } as const; // "BMA3"
const SELF = { blkno: 24, uuid: 40, owner: 56, checksum: 64 } as const;
const LEVEL_AT = 4;
const COUNT_AT = 6;
const WORD = 8;
/** A key, and a pointer. */
const NODE_ENTRY_BYTES = 16;
/** 2^48 extents, the most there can be, in the smallest nodes, half full. */
const MAX_LEVEL = 12;
const MAX_BLOCKS = Number.MAX_SAFE_INTEGER;

/**
 * Finds blocks in a file's extents, which are in its inode or in a tree.
 *
 * HOSTILE: each node must be a level lower than the one above it and begin where that says, so that none is
 * in two places, or in itself.
 */
export function extentMap(volume: XfsVolume, inode: XfsInode): FindRun {
  const what = `the extents of inode ${inode.stat.inode}`;
  switch (inode.format) {
    case "extents": {
      const extents = parseExtents(volume, inode, extentsInInode(inode, what), what);
      const leaf = { start: 0, end: MAX_BLOCKS, extents };
      return (logical) => runIn(leaf, logical);
    }
    case "btree": {
      const root = parseRoot(inode, what);
      // Reads go on where the one before ended: its leaf is at hand.
      let leaf = findLeaf(volume, inode, root, 0, what);
      return (logical) => {
        if (logical < leaf.start || logical >= leaf.end) {
          leaf = findLeaf(volume, inode, root, logical, what);
        }
        return runIn(leaf, logical);
      };
    }
    case "device":
    case "local":
      throw damaged(what, `none, it is ${inode.format}`, "extents");
  }
}

function extentsInInode({ fork, extentCount }: XfsInode, what: string): Buffer {
  const most = Math.floor(fork.length / EXTENT_BYTES);
  if (extentCount <= most) return fork.subarray(0, extentCount * EXTENT_BYTES);
  throw damaged(what, `${extentCount} in the inode`, `${most} at most`);
}

function runIn({ extents, end }: Leaf, logical: number): BlockRun {
  const index = lastAtOrBefore(extents.length, (at) => extents[at]?.start ?? 0, logical);
  const extent = extents[index];
  if (extent !== undefined && logical < extent.start + extent.count) {
    const skipped = logical - extent.start;
    const physical = extent.isUnwritten ? undefined : extent.physical + skipped;
    return { physical, count: extent.count - skipped };
  }
  return { physical: undefined, count: (extents[index + 1]?.start ?? end) - logical };
}

function findLeaf(
  volume: XfsVolume,
  inode: XfsInode,
  root: Node,
  logical: number,
  what: string,
): Leaf {
  let node = root;
  let start = 0;
  let end = MAX_BLOCKS;
  for (;;) {
    const found = lastAtOrBefore(node.count, node.keyAt, logical);
    // A hole before the first extent belongs to the first leaf.
    const index = Math.max(found, 0);
    const key = node.keyAt(index);
    if (found >= 0) start = Math.max(start, key);
    if (index + 1 < node.count) end = Math.min(end, node.keyAt(index + 1));
    const block = volume.locate(node.childAt(index), 1, what);
    const { bytes, count, headerBytes } = readBlock(volume, inode, block, node.level - 1, what);
    if (node.level === 1) {
      const last = headerBytes + count * EXTENT_BYTES;
      const extents = parseExtents(volume, inode, bytes.subarray(headerBytes, last), what);
      verifyRange(extents[0]?.start, extents.at(-1), { key, end }, what);
      return { start, end, extents };
    }
    node = parseNode(bytes, headerBytes, node.level - 1, count, what);
    verifyRange(node.keyAt(0), undefined, { key, end }, what);
  }
}

function verifyRange(
  first: number | undefined,
  last: Extent | undefined,
  { key, end }: { readonly key: number; readonly end: number },
  what: string,
): void {
  const lastEnd = last === undefined ? end : last.start + last.count;
  if (first === key && lastEnd <= end) return;
  throw damaged(what, `a node from block ${first} to ${lastEnd}`, `from ${key} to ${end}`);
}

function parseRoot({ fork }: XfsInode, what: string): Node {
  const room = Math.floor((fork.length - ROOT_HEADER_BYTES) / NODE_ENTRY_BYTES);
  if (room < 1) throw damaged(what, `a root of ${fork.length} bytes`, "room for one");
  const level = fork.readUInt16BE(0);
  const count = fork.readUInt16BE(2);
  if (level < 1 || level > MAX_LEVEL || count < 1 || count > room) {
    throw damaged(what, `a root of level ${level}, ${count} nodes`, `up to ${MAX_LEVEL}, ${room}`);
  }
  return parseNode(fork, ROOT_HEADER_BYTES, level, count, what);
}

/** Keys come first, then pointers behind the room for keys. */
function parseNode(
  bytes: Buffer,
  headerBytes: number,
  level: number,
  count: number,
  what: string,
): Node {
  const room = Math.floor((bytes.length - headerBytes) / NODE_ENTRY_BYTES);
  const word = (at: number) => bytes.readUInt32BE(at) * 2 ** 32 + bytes.readUInt32BE(at + 4);
  const keyAt = (index: number) => word(headerBytes + index * WORD);
  for (let index = 1; index < count; index += 1) {
    if (keyAt(index) > keyAt(index - 1)) continue;
    throw damaged(what, `keys ${keyAt(index - 1)} and ${keyAt(index)}`, "ever larger ones");
  }
  return {
    level,
    count,
    keyAt,
    childAt: (index) => word(headerBytes + (room + index) * WORD),
  };
}

/** Reads and verifies a node or a leaf of the tree, by its place on the volume. */
function readBlock(
  volume: XfsVolume,
  inode: XfsInode,
  block: number,
  level: number,
  what: string,
): { readonly bytes: Buffer; readonly count: number; readonly headerBytes: number } {
  const { isV5 } = volume.superblock;
  const { magic, headerBytes } = isV5 ? BLOCK_V5 : BLOCK_V4;
  const bytes = volume.block(block);
  const seen = {
    magic: bytes.readUInt32BE(0),
    level: bytes.readUInt16BE(LEVEL_AT),
    count: bytes.readUInt16BE(COUNT_AT),
  };
  const room = Math.floor((bytes.length - headerBytes) / EXTENT_BYTES);
  if (seen.magic !== magic || seen.level !== level || seen.count < 1 || seen.count > room) {
    const told = `magic 0x${seen.magic.toString(16)}, level ${seen.level}, ${seen.count} entries`;
    throw damaged(what, told, `0x${magic.toString(16)}, ${level}, 1 to ${room}`);
  }
  if (isV5) volume.verifySelf(bytes, SELF, { block, owner: inode.stat.inode }, what);
  return { bytes, count: seen.count, headerBytes };
}
