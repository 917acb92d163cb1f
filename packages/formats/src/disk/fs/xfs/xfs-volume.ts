import { BlockCache } from "../../block-cache.ts";
import type { BlockReader } from "../../block-reader.ts";
import { traceFact } from "../../trace/trace-reads.ts";
import { verifyChecksum } from "./xfs-checksum.ts";
import { damaged } from "./xfs-error.ts";
import { parseXfsInode, type XfsInode } from "./xfs-inode.ts";
import { readXfsSuperblock, type XfsSuperblock } from "./xfs-superblock.ts";

/** Blocks of metadata that are kept, in bytes. */
const CACHED_BYTES = 8 * 1024 * 1024;
/** `xfs_daddr_t` counts so many bytes. */
const BASIC_BLOCK = 512;

/** Where a block of metadata says what it is, in bytes from its start; version 5 only. */
export interface SelfDescription {
  readonly checksum: number;
  readonly blkno: number;
  readonly uuid: number;
  readonly owner: number;
}

/** Where blocks and inodes of an XFS file system are; bounds, checksums and owners verified. */
export class XfsVolume {
  readonly superblock: XfsSuperblock;
  readonly reader: BlockReader;
  readonly #blocks: BlockCache;

  /** Throws `disk/unknown-format`, `disk/damaged`, `disk/unsupported`, `disk/truncated`. */
  constructor(reader: BlockReader) {
    this.reader = reader;
    this.superblock = traceFact(() => readXfsSuperblock(reader));
    this.#blocks = new BlockCache(reader, this.superblock.blockSize, CACHED_BYTES, "a block");
  }

  /** A block of metadata by its place on the volume, from the cache if it is there; not to be written to. */
  block(number: number): Buffer {
    return this.#blocks.block(number * this.superblock.blockSize);
  }

  /**
   * The place on the volume, in blocks, of `count` blocks from `fsblock` on, which tells their group in its
   * upper bits (XFS_FSB_TO_AGNO). Throws `disk/damaged` unless all are in one group and no header's.
   */
  locate(fsblock: number, count: number, what: string): number {
    const { groupBlocksLog, groupBlocks, groupCount, groupHeaderBlocks, blockCount } =
      this.superblock;
    const group = Math.floor(fsblock / 2 ** groupBlocksLog);
    const inGroup = fsblock % 2 ** groupBlocksLog;
    const start = group * groupBlocks;
    const isWithin =
      group < groupCount &&
      inGroup >= groupHeaderBlocks &&
      inGroup + count <= groupBlocks &&
      start + inGroup + count <= blockCount;
    if (isWithin) return start + inGroup;
    const seen = `${count} blocks from ${inGroup} of group ${group}`;
    throw damaged(what, seen, `some of ${groupCount} groups of ${groupBlocks}`);
  }

  /** Throws `disk/damaged`, `disk/truncated`. */
  inode(number: number): XfsInode {
    const { inodesPerBlockLog, inodeSize } = this.superblock;
    const what = `inode ${number}`;
    if (!Number.isSafeInteger(number)) throw damaged(what, "none of that number", "less");
    const fsblock = Math.floor(number / 2 ** inodesPerBlockLog);
    const start = (number % 2 ** inodesPerBlockLog) * inodeSize;
    const block = this.block(this.locate(fsblock, 1, what));
    return parseXfsInode(block.subarray(start, start + inodeSize), number, this.superblock);
  }

  /**
   * Verifies what metadata of version 5 say of themselves: checksum, place, file system, inode.
   *
   * @param block where they are on the volume, in blocks. Throws `disk/damaged`.
   */
  verifySelf(
    bytes: Buffer,
    at: SelfDescription,
    { block, owner }: { readonly block: number; readonly owner: number },
    what: string,
  ): void {
    const { blockSize, metaUuid } = this.superblock;
    verifyChecksum(bytes, at.checksum, what);
    const blkno = bytes.readBigUInt64BE(at.blkno);
    const needed = (block * blockSize) / BASIC_BLOCK;
    if (blkno !== BigInt(needed)) throw damaged(what, `a block for ${blkno}`, `${needed}`);
    const seen = bytes.readBigUInt64BE(at.owner);
    if (seen !== BigInt(owner)) throw damaged(what, `a block of inode ${seen}`, `${owner}`);
    if (metaUuid.equals(bytes.subarray(at.uuid, at.uuid + metaUuid.length))) return;
    throw damaged(what, "another uuid", "the file system's");
  }
}
