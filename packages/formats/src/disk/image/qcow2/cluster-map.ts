import { BlockCache } from "../../block-cache.ts";
import type { BlockReader } from "../../block-reader.ts";
import { diskError } from "../../disk-error.ts";
import { readBytes } from "../../read-bytes.ts";

/** docs/interop/qcow2.txt, "L1 table entry" and "L2 table entry": bits 9 to 55 are an offset. */
const OFFSET_HIGH = 0x00ff_ffff;
const OFFSET_LOW = 0xffff_fe00;
const COPIED = 0x8000_0000; // bit 63
const COMPRESSED = 0x4000_0000; // bit 62
const ALL_ZEROS = 1; // bit 0
const TWO_32 = 2 ** 32;
const SECTOR = 512;

/** L2 tables are read and kept in pieces of this size, as QEMU's cache does. */
const MAX_SLICE_BYTES = 64 * 1024;
const MAX_CACHED_BYTES = 8 * 1024 * 1024;
/** "Extended L2 Entries": a cluster has 32 subclusters. */
const SUBCLUSTERS = 32;

/** What a stretch of the virtual disk is in this image, whatever its backing image has. */
export type ClusterRun =
  | { readonly kind: "data"; readonly length: number; readonly offset: number }
  | { readonly kind: "zeros"; readonly length: number }
  | { readonly kind: "unallocated"; readonly length: number }
  /** A whole cluster; `bytes` from `offset` on hold its compressed data. */
  | {
      readonly kind: "compressed";
      readonly length: number;
      readonly offset: number;
      readonly bytes: number;
    };

export interface ClusterMapOptions {
  readonly clusterBits: number;
  readonly extendedL2: boolean;
  readonly version: 2 | 3;
  readonly l1Offset: number;
  readonly l1Entries: number;
  readonly hasDataFile: boolean;
  /** The virtual disk's, in bytes. */
  readonly size: number;
}

/** The two levels of tables that say where in the file each cluster of the virtual disk is. */
export class ClusterMap {
  readonly clusterSize: number;
  readonly #options: ClusterMapOptions;
  readonly #l1: Buffer;
  readonly #l2: BlockCache;
  readonly #entryBytes: number;
  readonly #entriesPerTable: number;
  readonly #sliceBytes: number;

  /** Reads the L1 table. Throws `disk/truncated`, `disk/damaged`. */
  constructor(file: BlockReader, options: ClusterMapOptions) {
    const { clusterBits, extendedL2, l1Offset, l1Entries, size } = options;
    this.#options = options;
    this.clusterSize = 2 ** clusterBits;
    this.#entryBytes = extendedL2 ? 16 : 8;
    this.#entriesPerTable = this.clusterSize / this.#entryBytes;
    this.#sliceBytes = Math.min(this.clusterSize, MAX_SLICE_BYTES);
    const needed = Math.ceil(size / this.clusterSize / this.#entriesPerTable);
    if (needed > l1Entries) throw damaged(`${l1Entries} L1 entries`, `${needed}`);
    this.#l1 = readBytes(file, l1Offset, needed * 8, "the L1 table");
    this.#l2 = new BlockCache(file, this.#sliceBytes, MAX_CACHED_BYTES, "an L2 table");
  }

  /** The stretch from byte `offset` on, to the end of its cluster or subcluster at most. Throws `disk/*`. */
  at(offset: number): ClusterRun {
    const { clusterBits, extendedL2, version, hasDataFile } = this.#options;
    const cluster = Math.floor(offset / this.clusterSize);
    const inCluster = offset - cluster * this.clusterSize;
    const left = this.clusterSize - inCluster;
    const table = Math.floor(cluster / this.#entriesPerTable);
    const l2Offset = this.#offsetIn(this.#l1, table * 8);
    if (l2Offset === 0) {
      // The whole table is missing, and all it would tell of with it.
      const after = (table + 1) * this.#entriesPerTable * this.clusterSize;
      return { kind: "unallocated", length: after - offset };
    }
    const entryAt = (cluster - table * this.#entriesPerTable) * this.#entryBytes;
    const at = entryAt % this.#sliceBytes;
    const slice = this.#l2.block(l2Offset + entryAt - at);
    const high = slice.readUInt32BE(at);
    const low = slice.readUInt32BE(at + 4);
    if ((high & COMPRESSED) !== 0) {
      return { ...compressedRun(high, low, clusterBits), length: this.clusterSize };
    }
    const start = this.#offsetIn(slice, at);
    const isCopied = (high & COPIED) !== 0;
    // Only in an external data file can offset 0 be data: bit 63 tells.
    const isAllocated = start !== 0 || (hasDataFile && isCopied);
    if (extendedL2) {
      const bitmaps = { allocated: slice.readUInt32BE(at + 12), zeros: slice.readUInt32BE(at + 8) };
      return this.#subclusterRun(bitmaps, isAllocated, start, inCluster);
    }
    if (version >= 3 && (low & ALL_ZEROS) !== 0) return { kind: "zeros", length: left };
    if (!isAllocated) return { kind: "unallocated", length: left };
    return { kind: "data", length: left, offset: start + inCluster };
  }

  #subclusterRun(
    { allocated, zeros }: { readonly allocated: number; readonly zeros: number },
    isAllocated: boolean,
    start: number,
    inCluster: number,
  ): ClusterRun {
    if ((allocated & zeros) !== 0 || (!isAllocated && allocated !== 0)) {
      throw damaged("subclusters that are two things at once", "one");
    }
    const subclusterSize = this.clusterSize / SUBCLUSTERS;
    const first = Math.floor(inCluster / subclusterSize);
    const kindOf = (index: number) => {
      const bit = (1 << index) >>> 0;
      if ((allocated & bit) !== 0) return "data";
      return (zeros & bit) !== 0 ? "zeros" : "unallocated";
    };
    const kind = kindOf(first);
    let end = first + 1;
    while (end < SUBCLUSTERS && kindOf(end) === kind) end += 1;
    const length = end * subclusterSize - inCluster;
    return kind === "data" ? { kind, length, offset: start + inCluster } : { kind, length };
  }

  /** The offset in an entry of either table. HOSTILE: it must be that of a cluster. */
  #offsetIn(table: Buffer, at: number): number {
    const high = table.readUInt32BE(at) & OFFSET_HIGH;
    const low = (table.readUInt32BE(at + 4) & OFFSET_LOW) >>> 0;
    const offset = high * TWO_32 + low;
    if (offset % this.clusterSize === 0) return offset;
    throw damaged(`an entry with offset ${offset}`, `a multiple of ${this.clusterSize}`);
  }
}

/** "Compressed Clusters Descriptor": with x = 62 - (cluster_bits - 8), bits 0 to x-1 are the offset. */
function compressedRun(high: number, low: number, clusterBits: number) {
  const highBits = 62 - (clusterBits - 8) - 32;
  const offset = (high & (2 ** highBits - 1)) * TWO_32 + low;
  const additionalSectors = (high & 0x3fff_ffff) >>> highBits;
  // "Number of additional 512-byte sectors … after the one with the offset".
  const bytes = (additionalSectors + 1) * SECTOR - (offset % SECTOR);
  return { kind: "compressed", offset, bytes } as const;
}

function damaged(seen: string, needed: string) {
  return diskError("disk/damaged", "read the tables of a qcow2 image", { seen, needed });
}
