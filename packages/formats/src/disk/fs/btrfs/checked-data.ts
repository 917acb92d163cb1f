import type { BlockReader } from "../../block-reader.ts";
import { verifyWithin } from "../../read-bytes.ts";
import { isSummed } from "./btrfs-checksum.ts";
import { damaged } from "./btrfs-error.ts";
import type { BtrfsSuperblock } from "./btrfs-superblock.ts";
import type { BtrfsTree } from "./btrfs-tree.ts";
import type { ChunkMap } from "./chunk-map.ts";
import { ItemType } from "./tree-key.ts";

/** `BTRFS_EXTENT_CSUM_OBJECTID`. */
const EXTENT_CSUM = -10;
/** What is read at once, in bytes. */
const PIECE_BYTES = 1024 * 1024;

/** Sectors of files by their logical addresses; of two copies the one that has its checksum. */
export class CheckedData {
  readonly #reader: BlockReader;
  readonly #superblock: BtrfsSuperblock;
  readonly #chunks: ChunkMap;
  readonly #findTree: () => BtrfsTree;
  #tree: BtrfsTree | undefined;

  /** @param findTree gives the tree of checksums, when it is needed. */
  constructor(
    reader: BlockReader,
    superblock: BtrfsSuperblock,
    chunks: ChunkMap,
    findTree: () => BtrfsTree,
  ) {
    this.#reader = reader;
    this.#superblock = superblock;
    this.#chunks = chunks;
    this.#findTree = findTree;
  }

  /**
   * Fills `target`, whole sectors, from logical address `logical` on. Throws `disk/damaged` where checksums
   * are kept and one is wrong or missing, `disk/truncated`.
   */
  read(logical: number, target: Uint8Array, hasChecksums: boolean): void {
    for (let done = 0; done < target.length; ) {
      const at = logical + done;
      const most = Math.min(target.length - done, PIECE_BYTES);
      const { copies, length } = this.#chunks.find(at, most);
      const part = target.subarray(done, done + length);
      const stored = hasChecksums ? this.#storedSums(at, length) : undefined;
      this.#readPart(copies, at, part, stored);
      done += length;
    }
  }

  #readPart(
    copies: readonly number[],
    logical: number,
    part: Uint8Array,
    stored: Buffer | undefined,
  ): void {
    let failure: unknown;
    for (const physical of copies) {
      try {
        verifyWithin(this.#reader, physical, part.length, "data of a btrfs file system");
        this.#reader.read(physical, part);
        if (stored !== undefined) this.#verify(logical, part, stored);
        return;
      } catch (error) {
        failure ??= error;
      }
    }
    throw failure;
  }

  #verify(logical: number, part: Uint8Array, stored: Buffer): void {
    const { checksum, sectorSize } = this.#superblock;
    for (let at = 0, sum = 0; at < part.length; at += sectorSize, sum += checksum.size) {
      if (isSummed(checksum, part.subarray(at, at + sectorSize), stored, sum)) continue;
      throw damaged(`data at ${logical + at}`, `another ${checksum.name} checksum`, "their own");
    }
  }

  /** The checksums of the sectors from `logical` on, one after another. */
  #storedSums(logical: number, length: number): Buffer {
    this.#tree ??= this.#findTree();
    const { checksum, sectorSize } = this.#superblock;
    const sums = Buffer.allocUnsafe((length / sectorSize) * checksum.size);
    for (let done = 0; done < sums.length; ) {
      const offset = logical + (done / checksum.size) * sectorSize;
      const key = { objectid: EXTENT_CSUM, type: ItemType.extentCsum, offset };
      const item = this.#tree.findAtOrBefore(key);
      const isOne = item?.key.objectid === EXTENT_CSUM && item.key.type === key.type;
      const sectors = isOne ? (offset - item.key.offset) / sectorSize : Number.NaN;
      const copied = Number.isSafeInteger(sectors)
        ? (item?.data.subarray(sectors * checksum.size).copy(sums, done) ?? 0)
        : 0;
      if (copied === 0 || copied % checksum.size !== 0)
        throw damaged(`data at ${offset}`, "no checksum of it", "one");
      done += copied;
    }
    return sums;
  }
}
