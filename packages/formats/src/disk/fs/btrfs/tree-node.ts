import { damaged } from "./btrfs-error.ts";
import { compareKeys, KEY_BYTES, parseKey, readS64, type TreeKey } from "./tree-key.ts";

/** Linux 6.12, include/uapi/linux/btrfs_tree.h, `struct btrfs_header`. */
const HEADER_BYTES = 101;
const HEADER = {
  fsid: 0x20,
  bytenr: 0x30,
  generation: 0x50,
  owner: 0x58,
  nritems: 0x60,
  level: 0x64,
} as const;
/** `struct btrfs_key_ptr`: key, blockptr, generation. */
const POINTER_BYTES = 33;
/** `struct btrfs_item`: key, offset behind the header, size. */
const ITEM_BYTES = 25;
/** `BTRFS_MAX_LEVEL`: levels of a tree. */
const MAX_LEVELS = 8;

/** An item of a leaf. HOSTILE: its data are whatever the disk's writer put there. */
export interface TreeItem {
  readonly key: TreeKey;
  readonly data: Buffer;
}

/** A block of a tree: keys in order, each with a block below it or with an item. */
export interface TreeNode {
  readonly bytes: Buffer;
  readonly bytenr: number;
  readonly level: number;
  readonly generation: number;
  readonly owner: number;
  readonly count: number;
}

/**
 * The tree block that should be at logical address `bytenr`; its checksum has been verified.
 *
 * HOSTILE: its keys must be in order and its items within it. Throws `disk/damaged`.
 */
export function parseTreeNode(bytes: Buffer, bytenr: number, fsid: Buffer): TreeNode {
  const what = `the tree block ${bytenr}`;
  const level = bytes.readUInt8(HEADER.level);
  const count = bytes.readUInt32LE(HEADER.nritems);
  const told = readS64(bytes, HEADER.bytenr);
  if (told !== bytenr) throw damaged(what, `the block ${told}`, "the one of its address");
  if (bytes.compare(fsid, 0, fsid.length, HEADER.fsid, HEADER.fsid + fsid.length) !== 0)
    throw damaged(what, "the block of another file system", "its own");
  const width = level === 0 ? ITEM_BYTES : POINTER_BYTES;
  const most = Math.floor((bytes.length - HEADER_BYTES) / width);
  if (level >= MAX_LEVELS || count > most || (level > 0 && count === 0)) {
    const needed = `levels up to 7, ${most} entries at most`;
    throw damaged(what, `level ${level} with ${count} entries`, needed);
  }
  const node: TreeNode = {
    bytes,
    bytenr,
    level,
    generation: readS64(bytes, HEADER.generation),
    owner: readS64(bytes, HEADER.owner),
    count,
  };
  for (let index = 0; index < count; index += 1) verifyEntry(node, index, what);
  return node;
}

function verifyEntry(node: TreeNode, index: number, what: string): void {
  const { bytes, level } = node;
  const at = keyAt(node, index);
  if (index > 0 && compareKeys(bytes, keyAt(node, index - 1), bytes, at) >= 0)
    throw damaged(what, `key ${index} before the one before it`, "keys in order");
  if (level > 0) return;
  const offset = bytes.readUInt32LE(at + KEY_BYTES);
  const size = bytes.readUInt32LE(at + KEY_BYTES + 4);
  if (offset + size > bytes.length - HEADER_BYTES || offset < node.count * ITEM_BYTES)
    throw damaged(what, `an item of ${size} bytes at byte ${offset}`, "one within it");
}

/** Where key number `index` of a node is in its bytes. */
export function keyAt({ level }: TreeNode, index: number): number {
  return HEADER_BYTES + index * (level === 0 ? ITEM_BYTES : POINTER_BYTES);
}

/** The item number `index` of a leaf. */
export function itemOf(leaf: TreeNode, index: number): TreeItem {
  const at = keyAt(leaf, index);
  const start = HEADER_BYTES + leaf.bytes.readUInt32LE(at + KEY_BYTES);
  const size = leaf.bytes.readUInt32LE(at + KEY_BYTES + 4);
  return { key: parseKey(leaf.bytes, at), data: leaf.bytes.subarray(start, start + size) };
}

/** The address and the generation of the block below entry number `index` of an inner node. */
export function childOf(node: TreeNode, index: number): { bytenr: number; generation: number } {
  const at = keyAt(node, index) + KEY_BYTES;
  return { bytenr: readS64(node.bytes, at), generation: readS64(node.bytes, at + 8) };
}
