import { CasemateError } from "@casemate/core";
import { BlockCache } from "../../block-cache.ts";
import type { BlockReader } from "../../block-reader.ts";
import {
  isTracing,
  isUsable,
  type Kept,
  keepReads,
  traceFact,
  useKept,
} from "../../trace/trace-reads.ts";
import { damaged } from "./ext4-error.ts";
import { type Ext4Inode, parseExt4Inode } from "./ext4-inode.ts";
import { type Ext4Superblock, readExt4Superblock } from "./ext4-superblock.ts";
import { parseInodeTable } from "./group-descriptor.ts";
import type { FastChanges } from "./journal/fast-changes.ts";

/** Blocks of metadata that are kept, in bytes. */
const CACHED_BYTES = 8 * 1024 * 1024;

/** Of so many groups, 2 TiB with blocks of 4 KiB, all descriptors are read at once where somebody traces. */
const MAX_TRACED_GROUPS = 16_384;

/** What finds blocks of a file reads of the file system. */
export type Ext4Blocks = Pick<Ext4Volume, "superblock" | "block" | "verifyBlocks">;

/** Where blocks and inodes of an ext2, ext3 or ext4 file system are; bounds and checksums verified. */
export class Ext4Volume {
  readonly superblock: Ext4Superblock;
  readonly reader: BlockReader;
  /** What is to be laid over inodes, files and directories. */
  readonly changes: FastChanges | undefined;
  readonly #blocks: BlockCache;
  /** Where each group's inode table is, as its descriptor says; by group. */
  readonly #inodeTables = new Map<number, Kept<number>>();

  /** Throws `disk/unknown-format`, `disk/damaged`, `disk/unsupported`, `disk/truncated`. */
  constructor(reader: BlockReader, changes?: FastChanges) {
    this.reader = reader;
    this.changes = changes;
    this.superblock = traceFact(
      () => readExt4Superblock(reader),
      // What is made of these two is told by itself.
      ({ needsRecovery: _, wasInUse: __, ...shape }) => shape,
    );
    this.#blocks = new BlockCache(reader, this.superblock.blockSize, CACHED_BYTES, "a block");
    // Descriptors count what is free beside where inodes are: they change with every file, that does not.
    if (isTracing()) this.#traceInodeTables();
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
    const { inodeSize, blockSize, checksumSeed } = this.superblock;
    const at = this.inodeAt(number);
    const start = at % blockSize;
    this.verifyBlocks((at - start) / blockSize, 1, `inode ${number}`);
    const bytes = this.#blocks.blockFor(at - start, start, inodeSize);
    const changed = this.changes?.inode(number, bytes.subarray(start, start + inodeSize));
    const place =
      changed === undefined
        ? { bytes, start, size: inodeSize }
        : { bytes: changed, start: 0, size: inodeSize };
    return parseExt4Inode(place, number, checksumSeed, changed !== undefined);
  }

  /** Where the inode is, in bytes. Throws `disk/damaged`, `disk/truncated`. */
  inodeAt(number: number): number {
    const { inodeCount, inodesPerGroup, inodeSize, blockSize } = this.superblock;
    const group = Math.floor((number - 1) / inodesPerGroup);
    if (number < 1 || number > inodeCount || group >= this.superblock.groupCount) {
      throw damaged(`inode ${number}`, "none of that number", `1 to ${inodeCount}`);
    }
    return this.#inodeTable(group) * blockSize + ((number - 1) % inodesPerGroup) * inodeSize;
  }

  #inodeTable(group: number): number {
    const known = this.#inodeTables.get(group);
    if (known !== undefined && isUsable(known)) return useKept(known);
    const read = keepReads(() => this.#readInodeTable(group));
    this.#inodeTables.set(group, read);
    return useKept(read);
  }

  /** As far as they are sound. */
  #traceInodeTables(): void {
    const tables = traceFact(() => {
      const found: number[] = [];
      const count = Math.min(this.superblock.groupCount, MAX_TRACED_GROUPS);
      try {
        for (let group = 0; group < count; group += 1) found.push(this.#readInodeTable(group));
      } catch (thrown) {
        // Whoever needs that one is told.
        if (!(thrown instanceof CasemateError)) throw thrown;
      }
      return found;
    });
    const isFact = keepReads(() => undefined);
    for (const [group, value] of tables.entries()) {
      this.#inodeTables.set(group, { ...isFact, value });
    }
  }

  #readInodeTable(group: number): number {
    const { descriptorSize, blockSize } = this.superblock;
    const perBlock = blockSize / descriptorSize;
    const block = this.block(this.#descriptorBlock(group, perBlock), `group ${group}`);
    const start = (group % perBlock) * descriptorSize;
    const bytes = block.subarray(start, start + descriptorSize);
    return parseInodeTable(bytes, group, this.superblock);
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
