import { BlockCache } from "../../block-cache.ts";
import type { BlockReader } from "../../block-reader.ts";
import { damaged } from "./ext4-error.ts";
import { type Ext4Inode, parseExt4Inode } from "./ext4-inode.ts";
import { type Ext4Superblock, readExt4Superblock } from "./ext4-superblock.ts";
import { parseInodeTable } from "./group-descriptor.ts";
import type { FastChanges } from "./journal/fast-changes.ts";

/** Blocks of metadata that are kept, in bytes. */
const CACHED_BYTES = 8 * 1024 * 1024;

/** Where blocks and inodes of an ext2, ext3 or ext4 file system are; bounds and checksums verified. */
export class Ext4Volume {
  readonly superblock: Ext4Superblock;
  readonly reader: BlockReader;
  /** What is to be laid over inodes, files and directories. */
  readonly changes: FastChanges | undefined;
  readonly #blocks: BlockCache;
  /** Where each group's inode table is, as its descriptor says; by group. */
  readonly #inodeTables = new Map<number, number>();

  /** Throws `disk/unknown-format`, `disk/damaged`, `disk/unsupported`, `disk/truncated`. */
  constructor(reader: BlockReader, changes?: FastChanges) {
    this.reader = reader;
    this.changes = changes;
    this.superblock = readExt4Superblock(reader);
    this.#blocks = new BlockCache(reader, this.superblock.blockSize, CACHED_BYTES, "a block");
  }

  /** A block of metadata, from the cache if it is there; not to be written to. */
  block(number: number, what: string): Buffer {
    this.verifyBlocks(number, 1, what);
    return this.#blocks.block(number * this.superblock.blockSize);
  }

  /** Throws unless the blocks are within the file system. */
  verifyBlocks(first: number, count: number, what: string): void {
    const { firstDataBlock, blockCount } = this.superblock;
    if (first >= firstDataBlock && first + count <= blockCount && first > 0) return;
    throw damaged(what, `blocks ${first} to ${first + count - 1}`, `some of ${blockCount}`);
  }

  /** Throws `disk/damaged`, `disk/truncated`. */
  inode(number: number): Ext4Inode {
    const { inodeCount, inodesPerGroup, inodeSize, blockSize, checksumSeed } = this.superblock;
    const group = Math.floor((number - 1) / inodesPerGroup);
    if (number < 1 || number > inodeCount || group >= this.superblock.groupCount) {
      throw damaged(`inode ${number}`, "none of that number", `1 to ${inodeCount}`);
    }
    const at = ((number - 1) % inodesPerGroup) * inodeSize;
    const block = this.#inodeTable(group) + Math.floor(at / blockSize);
    const start = at % blockSize;
    const bytes = this.block(block, `inode ${number}`).subarray(start, start + inodeSize);
    const changed = this.changes?.inode(number, bytes);
    return parseExt4Inode(changed ?? bytes, number, checksumSeed, changed !== undefined);
  }

  #inodeTable(group: number): number {
    const known = this.#inodeTables.get(group);
    if (known !== undefined) return known;
    const { descriptorSize, blockSize } = this.superblock;
    const perBlock = blockSize / descriptorSize;
    const block = this.block(this.#descriptorBlock(group, perBlock), `group ${group}`);
    const start = (group % perBlock) * descriptorSize;
    const bytes = block.subarray(start, start + descriptorSize);
    const table = parseInodeTable(bytes, group, this.superblock);
    this.#inodeTables.set(group, table);
    return table;
  }

  /** After the superblock's block, or with meta_bg in the first group of those that it describes. */
  #descriptorBlock(group: number, perBlock: number): number {
    const { firstDataBlock, firstMetaGroup, blocksPerGroup, blockSize } = this.superblock;
    const index = Math.floor(group / perBlock);
    // In blocks of 1 KiB the superblock is block 1, in larger ones part of block 0.
    if (group < firstMetaGroup) return (blockSize === 1024 ? 1 : 0) + 1 + index;
    const first = index * perBlock;
    const start = firstDataBlock + first * blocksPerGroup;
    const isFirstOf1KiB = first === 0 && blockSize === 1024 && firstDataBlock === 0 ? 1 : 0;
    return start + (hasSuperblock(first) ? 1 : 0) + isFirstOf1KiB;
  }
}

/** With sparse_super, which meta_bg needs: groups 0, 1 and powers of 3, 5 and 7 hold a copy of the superblock. */
function hasSuperblock(group: number): boolean {
  if (group <= 1) return true;
  return [3, 5, 7].some((base) => {
    let power = base;
    while (power < group) power *= base;
    return power === group;
  });
}
