/** `struct btrfs_disk_key` (Linux 6.12, include/uapi/linux/btrfs_tree.h): objectid, type, offset. */
export const KEY_BYTES = 17;
const TYPE_AT = 8;
const OFFSET_AT = 9;

/**
 * What items of a tree are found and sorted by.
 *
 * Numbers of 64 bits are read as signed ones: the kernel's own objects have small negative ones, such as -10
 * for checksums. HOSTILE: those beyond 2^53 lose their lowest bits; what uses one checks it first.
 */
export interface TreeKey {
  readonly objectid: number;
  readonly type: number;
  readonly offset: number;
}

/** `BTRFS_*_KEY`: the types of items that are read here. */
export const ItemType = {
  inode: 1,
  dirItem: 84,
  dirIndex: 96,
  extentData: 108,
  extentCsum: 128,
  root: 132,
  rootRef: 156,
  chunk: 228,
} as const;

/** A signed number of 64 bits; exact up to 2^53. */
export function readS64(bytes: Buffer, at: number): number {
  return bytes.readInt32LE(at + 4) * 2 ** 32 + bytes.readUInt32LE(at);
}

/** The key at byte `at`. */
export function parseKey(bytes: Buffer, at: number): TreeKey {
  return {
    objectid: readS64(bytes, at),
    type: bytes.readUInt8(at + TYPE_AT),
    offset: readS64(bytes, at + OFFSET_AT),
  };
}

/** Below 0 where the key at byte `at` sorts before `key`, above 0 where after it. */
export function compareWithKey(bytes: Buffer, at: number, key: TreeKey): number {
  return (
    compareU64(bytes, at, key.objectid) ||
    bytes.readUInt8(at + TYPE_AT) - key.type ||
    compareU64(bytes, at + OFFSET_AT, key.offset)
  );
}

/** The same of the two keys at bytes `a` and `b`, all bits of them. */
export function compareKeys(first: Buffer, a: number, second: Buffer, b: number): number {
  return (
    compareHalves(first, a, second, b) ||
    first.readUInt8(a + TYPE_AT) - second.readUInt8(b + TYPE_AT) ||
    compareHalves(first, a + OFFSET_AT, second, b + OFFSET_AT)
  );
}

/** Keys sort as unsigned numbers do: -1 after all others. */
function compareU64(bytes: Buffer, at: number, value: number): number {
  const high = Math.floor(value / 2 ** 32) >>> 0;
  return bytes.readUInt32LE(at + 4) - high || bytes.readUInt32LE(at) - (value >>> 0);
}

function compareHalves(first: Buffer, a: number, second: Buffer, b: number): number {
  return (
    first.readUInt32LE(a + 4) - second.readUInt32LE(b + 4) ||
    first.readUInt32LE(a) - second.readUInt32LE(b)
  );
}
