import { BlockCache } from "../../block-cache.ts";
import type { BlockReader } from "../../block-reader.ts";
import { WindowReader } from "../../window-reader.ts";
import type { FatShape } from "./fat-boot-sector.ts";
import { damaged } from "./fat-error.ts";

const FIRST_CLUSTER = 2;
/** Parts of the table are read at once and kept, in bytes. */
const BLOCK_BYTES = 512;
const CACHED_BYTES = 4 * 1024 * 1024;
/** FAT32 has 28 bits. */
const VALUE_MASK = 0xfff_ffff;
/** Clear while a system has it mounted (FAT specification, 4.1: `ClnShutBitMask`); FAT12 has none. */
const CLEAN_SHUTDOWN = { 12: 0, 16: 0x8000, 32: 0x800_0000 } as const;

/** The file allocation table: which cluster of a file comes after which. */
export class FatTable {
  readonly #shape: FatShape;
  readonly #copies: readonly BlockCache[];

  constructor(reader: BlockReader, shape: FatShape) {
    this.#shape = shape;
    this.#copies = shape.tables.map((start) => {
      const table = new WindowReader(reader, start, shape.tableSize, "a table");
      return new BlockCache(table, BLOCK_BYTES, CACHED_BYTES, "a table");
    });
  }

  /** Whether the system that wrote it last did not unmount it. */
  get isDirty(): boolean {
    const [first] = this.#copies;
    const clean = CLEAN_SHUTDOWN[this.#shape.bits];
    return first !== undefined && clean !== 0 && (this.#entry(first, 1) & clean) === 0;
  }

  /**
   * The cluster after `cluster`, `undefined` where that is the last; what the first copy of the table says,
   * or the second where the first says nothing that can be. Throws `disk/damaged`.
   */
  next(cluster: number, what: string): number | undefined {
    const { bits, clusterCount } = this.#shape;
    this.verifyCluster(cluster, what);
    const end = 2 ** Math.min(bits, 28) - 8;
    let seen = 0;
    for (const copy of this.#copies) {
      seen = this.#entry(copy, cluster);
      if (seen >= end) return undefined;
      if (seen >= FIRST_CLUSTER && seen < clusterCount + FIRST_CLUSTER) return seen;
    }
    throw damaged(what, `cluster ${seen} after ${cluster}`, `2 to ${clusterCount + 1}`);
  }

  /** Throws `disk/damaged` unless there is such a cluster. */
  verifyCluster(cluster: number, what: string): void {
    const last = this.#shape.clusterCount + 1;
    if (cluster >= FIRST_CLUSTER && cluster <= last) return;
    throw damaged(what, `cluster ${cluster}`, `2 to ${last}`);
  }

  #entry(table: BlockCache, cluster: number): number {
    const { bits } = this.#shape;
    const at = Math.floor((cluster * bits) / 8);
    const within = at % BLOCK_BYTES;
    const block = table.block(at - within);
    if (bits === 32) return block.readUInt32LE(within) & VALUE_MASK;
    if (bits === 16) return block.readUInt16LE(within);
    // The second byte may be in the next block.
    const rest = within + 1 < BLOCK_BYTES ? block : table.block(at + 1);
    const value = block.readUInt8(within) + rest.readUInt8((within + 1) % BLOCK_BYTES) * 0x100;
    return cluster % 2 === 0 ? value & 0xfff : value >>> 4;
  }
}
