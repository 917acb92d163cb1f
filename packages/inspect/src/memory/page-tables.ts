import { highHalf, lowHalf } from "../to-number.ts";
import type { PhysicalReader } from "./physical-reader.ts";

export type PagingLevels = 4 | 5;

/** No page is mapped there. */
export const UNMAPPED = -1;

// Page-table entries: Intel SDM vol. 3, 4.5 (tables 4-15 to 4-20).
const PRESENT = 0x01;
const PAGE_SIZE_BIT = 0x80;
/** Address bits 51:32, in the upper half of an entry. */
const HIGH_ADDRESS = 0x000f_ffff;
const INDEX = 0x1ff;
const NO_REGION = -1;

/**
 * x86-64 page tables read out of guest memory: 4 or 5 levels, pages of 4 KiB, 2 MiB and 1 GiB.
 *
 * The entry for 2 MiB that was used last is remembered until `refresh`, as processors do (paging-structure
 * caches): most addresses are close to the one before.
 *
 * HOSTILE: entries may point anywhere, at the tables themselves too; a walk has at most five steps.
 */
export class PageTables {
  readonly root: number;
  readonly levels: PagingLevels;
  readonly #physical: PhysicalReader;
  /** Which 2 MiB the remembered entry is for, and what it holds. */
  #lastRegion = NO_REGION;
  #lastEntry = 0;
  #lastUpper = 0;

  /** @param root the guest-physical address of the top table. */
  constructor(physical: PhysicalReader, root: number, levels: PagingLevels) {
    this.#physical = physical;
    this.root = root;
    this.levels = levels;
  }

  /** Whether `address` is canonical: all bits above the translated ones equal. */
  isCanonical(address: bigint): boolean {
    const above = highHalf(address) >>> (this.levels === 5 ? 24 : 15);
    return above === 0 || above === (this.levels === 5 ? 0xff : 0x1_ffff);
  }

  /** The guest-physical address that `address` is mapped to, or `UNMAPPED`. */
  translate(address: bigint): number {
    if (!this.isCanonical(address)) return UNMAPPED;
    const low = lowHalf(address);
    const high = highHalf(address);
    const region = high * 2 ** 11 + (low >>> 21);
    if (region !== this.#lastRegion) {
      let table = this.root;
      if (this.levels === 5) table = this.#next(table, (high >>> 16) & INDEX);
      table = this.#next(table, (high >>> 7) & INDEX);
      if (table < 0) return UNMAPPED;

      const physical = this.#physical;
      let at = table + (((low >>> 30) | (high << 2)) & INDEX) * 8;
      if (!physical.has(at, 8)) return UNMAPPED;
      let entry = physical.u32(at);
      let upper = physical.u32(at + 4) & HIGH_ADDRESS;
      if ((entry & PRESENT) === 0) return UNMAPPED;
      if ((entry & PAGE_SIZE_BIT) !== 0) {
        return upper * 2 ** 32 + ((entry & 0xc000_0000) >>> 0) + (low & 0x3fff_ffff);
      }

      at = upper * 2 ** 32 + ((entry & 0xffff_f000) >>> 0) + ((low >>> 21) & INDEX) * 8;
      if (!physical.has(at, 8)) return UNMAPPED;
      entry = physical.u32(at);
      upper = physical.u32(at + 4) & HIGH_ADDRESS;
      if ((entry & PRESENT) === 0) return UNMAPPED;
      this.#lastRegion = region;
      this.#lastEntry = entry;
      this.#lastUpper = upper;
    }
    const entry = this.#lastEntry;
    const upper = this.#lastUpper;
    if ((entry & PAGE_SIZE_BIT) !== 0) {
      return upper * 2 ** 32 + ((entry & 0xffe0_0000) >>> 0) + (low & 0x1f_ffff);
    }
    const table = upper * 2 ** 32 + ((entry & 0xffff_f000) >>> 0);
    const page = this.#next(table, (low >>> 12) & INDEX);
    return page < 0 ? UNMAPPED : page + (low & 0xfff);
  }

  /** Forgets what is remembered, so that later addresses are looked up in the tables as they are then. */
  refresh(): void {
    this.#lastRegion = NO_REGION;
  }

  /** The address in entry `index` of `table`, or `UNMAPPED`. */
  #next(table: number, index: number): number {
    const at = table + index * 8;
    if (table < 0 || !this.#physical.has(at, 8)) return UNMAPPED;
    const entry = this.#physical.u32(at);
    if ((entry & PRESENT) === 0) return UNMAPPED;
    return (this.#physical.u32(at + 4) & HIGH_ADDRESS) * 2 ** 32 + ((entry & 0xffff_f000) >>> 0);
  }
}
