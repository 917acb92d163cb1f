import { crc32c } from "../../../crc32c.ts";
import { BlockCache } from "../../block-cache.ts";
import type { BlockReader } from "../../block-reader.ts";
import { readBytes } from "../../read-bytes.ts";
import { StructTable } from "../../struct-table.ts";
import { damaged, unsupported } from "../lvm-error.ts";

/** Linux 6.12, drivers/md/dm-thin-metadata.c, `struct thin_disk_superblock`. */
const SUPERBLOCK = new StructTable("thin_disk_superblock", "little", 364, {
  csum: [0, "u32"],
  flags: [4, "u32"],
  blocknr: [8, "u64"],
  magic: [32, "u64"],
  version: [40, "u32"],
  trans_id: [48, "u64"],
  data_mapping_root: [320, "u64"],
  device_details_root: [328, "u64"],
  data_block_size: [336, "u32"],
  metadata_block_size: [340, "u32"],
  incompat_flags: [360, "u32"],
});
/** drivers/md/persistent-data/dm-btree-internal.h, `struct node_header`; keys and then values follow it. */
const NODE = new StructTable("node_header", "little", 32, {
  csum: [0, "u32"],
  flags: [4, "u32"],
  blocknr: [8, "u64"],
  nr_entries: [16, "u32"],
  max_entries: [20, "u32"],
  value_size: [24, "u32"],
});

const THIN_SUPERBLOCK_MAGIC = 27_022_010n;
const VERSIONS: readonly number[] = [1, 2];
const BLOCK_BYTES = 4096;
const SECTOR = 512;
/** Each checksum is of all that follows it, and has something of its own. */
const SUPERBLOCK_CSUM_XOR = 160_774;
const BTREE_CSUM_XOR = 121_107;
const INTERNAL_NODE = 1;
const LEAF_NODE = 2;
/** 252 entries a node: all keys of 64 bits are in fewer levels. */
const MAX_DEPTH = 10;
const KEY_BYTES = 8;
/** Blocks that are kept, in bytes. */
const CACHED_BYTES = 4 * 1024 * 1024;
/** A mapping's lower bits are when it was made. */
const TIME_BITS = 24n;

/** Which chunk of a pool's data each chunk of its thin volumes is; checksums and bounds verified. */
export class ThinMetadata {
  /** In bytes. */
  readonly chunkSize: number;
  readonly #root: number;
  readonly #blocks: BlockCache;

  /** Throws `disk/damaged`, `disk/unsupported`, `disk/truncated`. HOSTILE: whoever could write the disk. */
  constructor(metadata: BlockReader) {
    const bytes = readBytes(metadata, 0, BLOCK_BYTES, "a thin pool");
    const raw = SUPERBLOCK.parse(bytes);
    if (raw.magic !== THIN_SUPERBLOCK_MAGIC) throw wrong(`magic ${raw.magic}`, "a superblock");
    verifyChecksum(bytes, SUPERBLOCK_CSUM_XOR, "the superblock");
    if (!VERSIONS.includes(raw.version) || raw.incompat_flags !== 0) {
      const seen = `version ${raw.version}, features ${raw.incompat_flags}`;
      throw unsupported("a thin pool", seen, "version 1 or 2");
    }
    if (raw.metadata_block_size * SECTOR !== BLOCK_BYTES || raw.data_block_size === 0) {
      throw wrong(`blocks of ${raw.metadata_block_size} sectors`, `${BLOCK_BYTES / SECTOR}`);
    }
    this.chunkSize = raw.data_block_size * SECTOR;
    this.#root = toBlock(raw.data_mapping_root);
    const verified: BlockReader = {
      size: metadata.size,
      read(offset, target) {
        metadata.read(offset, target);
        verifyNode(target, offset / BLOCK_BYTES);
      },
    };
    this.#blocks = new BlockCache(verified, BLOCK_BYTES, CACHED_BYTES, "a thin pool's metadata");
  }

  /** Where the mappings of a thin volume begin. Throws `disk/damaged` where the pool has no such volume. */
  rootOf(device: number): number {
    const root = this.#find(this.#root, BigInt(device));
    if (root === undefined) throw wrong(`no volume ${device}`, "one");
    return toBlock(root);
  }

  /** The chunk of the pool's data that chunk `index` of a volume is; `undefined` where it was never written. */
  chunkAt(root: number, index: number): number | undefined {
    const value = this.#find(root, BigInt(index));
    return value === undefined ? undefined : Number(value >> TIME_BITS);
  }

  /** The value of `key`. HOSTILE: nodes may lead to any block; how often does not depend on what is in them. */
  #find(root: number, key: bigint): bigint | undefined {
    let block = root;
    for (let depth = 0; depth < MAX_DEPTH; depth += 1) {
      const node = this.#blocks.block(block * BLOCK_BYTES);
      const { flags, nr_entries: count, max_entries: most } = NODE.parse(node);
      const index = lastNotAfter(node, count, key);
      if (index < 0) return undefined;
      const keyAt = NODE.size + index * KEY_BYTES;
      const value = node.readBigUInt64LE(NODE.size + most * KEY_BYTES + index * KEY_BYTES);
      if (flags === LEAF_NODE) return node.readBigUInt64LE(keyAt) === key ? value : undefined;
      block = toBlock(value);
    }
    throw wrong("a tree without end", `${MAX_DEPTH} levels at most`);
  }
}

/** The last entry whose key is `key` or less; -1 where there is none. */
function lastNotAfter(node: Buffer, count: number, key: bigint): number {
  let [low, high] = [-1, count - 1];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (node.readBigUInt64LE(NODE.size + middle * KEY_BYTES) <= key) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** Throws unless it is a node of values of 64 bits, and its entries are within it. */
function verifyNode(bytes: Uint8Array, block: number): void {
  const what = `block ${block}`;
  verifyChecksum(bytes, BTREE_CSUM_XOR, what);
  const { flags, blocknr, nr_entries: count, max_entries: most, value_size } = NODE.parse(bytes);
  const isSane =
    blocknr === BigInt(block) &&
    (flags === INTERNAL_NODE || flags === LEAF_NODE) &&
    value_size === KEY_BYTES &&
    count <= most &&
    NODE.size + most * 2 * KEY_BYTES <= BLOCK_BYTES;
  if (isSane) return;
  throw wrong(`${what}, with ${count} of ${most} values of ${value_size} bytes`, "a node");
}

function verifyChecksum(bytes: Uint8Array, mask: number, what: string): void {
  const seen = (crc32c(0xffff_ffff, bytes.subarray(4)) ^ mask) >>> 0;
  const stored = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  if (seen === stored) return;
  throw wrong(`${what} with checksum 0x${seen.toString(16)}`, `0x${stored.toString(16)}`);
}

function toBlock(value: bigint): number {
  if (value < 2n ** 32n) return Number(value);
  throw wrong(`block ${value}`, "one of the metadata");
}

function wrong(seen: string, needed: string) {
  return damaged("a thin pool", seen, needed);
}
