import { crc32c } from "../../../crc32c.ts";
import type { BlockRun, FindRun } from "../block-run.ts";
import { damaged } from "./ext4-error.ts";
import type { Ext4Inode } from "./ext4-inode.ts";
import type { Ext4Blocks } from "./ext4-volume.ts";

/** Linux 6.12, fs/ext4/ext4_extents.h: header, index and extent take 12 bytes each. */
const MAGIC = 0xf30a;
const ENTRY_BYTES = 12;
const MAX_DEPTH = 5;
/** `EXT_INIT_MAX_LEN`: a longer extent was allocated and never written. */
const MAX_WRITTEN = 32_768;
const MAX_BLOCKS = 2 ** 32;

interface Node {
  readonly bytes: Buffer;
  readonly depth: number;
  readonly entries: number;
}

/** Finds blocks in a file's tree of extents. HOSTILE: each node must be a level lower than the one above it. */
export function extentTree(volume: Ext4Blocks, inode: Ext4Inode): FindRun {
  const what = `the extents of inode ${inode.stat.inode}`;
  const root = parseNode(inode.block, what);
  // Reads go on where the one before ended: its leaf is at hand.
  let leaf = root;
  let leafStart = 0;
  let leafEnd = root.depth === 0 ? MAX_BLOCKS : 0;
  return (logical) => {
    if (logical < leafStart || logical >= leafEnd) {
      leaf = root;
      leafStart = 0;
      leafEnd = MAX_BLOCKS;
      while (leaf.depth > 0) {
        const index = lastAtOrBefore(leaf, logical);
        // A hole before the first extent belongs to the first leaf.
        const at = (Math.max(index, 0) + 1) * ENTRY_BYTES;
        if (index >= 0) leafStart = leaf.bytes.readUInt32LE(at);
        if (index + 1 < leaf.entries) {
          const next = leaf.bytes.readUInt32LE((Math.max(index, 0) + 2) * ENTRY_BYTES);
          if (index >= 0 || leaf.entries > 1) leafEnd = Math.min(leafEnd, next);
        }
        const block = leaf.bytes.readUInt32LE(at + 4) + leaf.bytes.readUInt16LE(at + 8) * 2 ** 32;
        leaf = readNode(volume, inode, block, leaf.depth - 1, what);
      }
    }
    return runIn(leaf, logical, leafEnd, volume, what);
  };
}

function runIn(
  leaf: Node,
  logical: number,
  leafEnd: number,
  volume: Ext4Blocks,
  what: string,
): BlockRun {
  const index = lastAtOrBefore(leaf, logical);
  if (index >= 0) {
    const at = (index + 1) * ENTRY_BYTES;
    const first = leaf.bytes.readUInt32LE(at);
    const length = leaf.bytes.readUInt16LE(at + 4);
    const isWritten = length <= MAX_WRITTEN;
    const count = isWritten ? length : length - MAX_WRITTEN;
    if (logical < first + count) {
      const start = leaf.bytes.readUInt16LE(at + 6) * 2 ** 32 + leaf.bytes.readUInt32LE(at + 8);
      volume.verifyBlocks(start, count, what);
      const physical = isWritten ? start + (logical - first) : undefined;
      return { physical, count: first + count - logical };
    }
  }
  const next = index + 1;
  const end = next < leaf.entries ? leaf.bytes.readUInt32LE((next + 1) * ENTRY_BYTES) : leafEnd;
  return { physical: undefined, count: Math.max(1, end - logical) };
}

/** The number of the last entry that begins at or before block `logical`; -1 where all begin after it. */
function lastAtOrBefore({ bytes, entries }: Node, logical: number): number {
  let low = 0;
  let high = entries;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (bytes.readUInt32LE((middle + 1) * ENTRY_BYTES) <= logical) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

function readNode(
  volume: Ext4Blocks,
  inode: Ext4Inode,
  block: number,
  depth: number,
  what: string,
): Node {
  const node = parseNode(volume.block(block, what), what);
  if (node.depth !== depth || (depth > 0 && node.entries === 0)) {
    throw damaged(what, `a node of depth ${node.depth} in block ${block}`, `one of ${depth}`);
  }
  return verifyChecksum(node, inode, what);
}

function parseNode(bytes: Buffer, what: string): Node {
  const magic = bytes.readUInt16LE(0);
  const entries = bytes.readUInt16LE(2);
  const most = bytes.readUInt16LE(4);
  const depth = bytes.readUInt16LE(6);
  const room = Math.floor(bytes.length / ENTRY_BYTES) - 1;
  if (magic !== MAGIC || entries > most || most > room || depth > MAX_DEPTH) {
    const seen = `magic 0x${magic.toString(16)}, ${entries} of ${most} entries, depth ${depth}`;
    throw damaged(what, seen, `0xf30a, up to ${room}, up to ${MAX_DEPTH}`);
  }
  if (depth > 0 && entries === 0) throw damaged(what, "an index of nothing", "one entry or more");
  return { bytes, depth, entries };
}

/** `struct ext4_extent_tail` follows the room for entries. */
function verifyChecksum(node: Node, { checksumSeed }: Ext4Inode, what: string): Node {
  if (checksumSeed === undefined) return node;
  const tail = (node.bytes.readUInt16LE(4) + 1) * ENTRY_BYTES;
  if (tail + 4 > node.bytes.length) throw damaged(what, "no room for a checksum", "4 bytes");
  const seen = crc32c(checksumSeed, node.bytes.subarray(0, tail));
  const stored = node.bytes.readUInt32LE(tail);
  if (seen === stored) return node;
  throw damaged(what, `checksum 0x${seen.toString(16)}`, `0x${stored.toString(16)}`);
}
