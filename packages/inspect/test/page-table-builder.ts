import type { PagingLevels } from "../src/memory/page-tables.ts";

export const PAGE = 4096;
export const PAGE_2M = 2 * 1024 * 1024;
export const PAGE_1G = 1024 * 1024 * 1024;
const PRESENT_WRITABLE = 3;
const LARGE = 0x80;
const NO_EXECUTE = 1n << 63n;

/** Writes x86-64 page tables into memory, taking pages for them from `free` upwards. */
export class PageTableBuilder {
  readonly root: number;
  readonly #view: DataView;
  readonly #levels: PagingLevels;
  #free: number;

  constructor(view: DataView, levels: PagingLevels, root: number, free: number) {
    this.#view = view;
    this.#levels = levels;
    this.root = root;
    this.#free = free;
  }

  map(
    virtual: bigint,
    physical: number,
    size: typeof PAGE | typeof PAGE_2M | typeof PAGE_1G,
  ): void {
    const lowest = size === PAGE ? 12 : size === PAGE_2M ? 21 : 30;
    let table = this.root;
    for (let shift = this.#levels === 5 ? 48 : 39; shift > lowest; shift -= 9) {
      const at = table + this.#index(virtual, shift);
      const entry = this.#view.getBigUint64(at, true);
      table = Number(entry & 0x000f_ffff_ffff_f000n);
      if (entry === 0n) {
        table = this.#free;
        this.#free += PAGE;
        this.#view.setBigUint64(at, BigInt(table | PRESENT_WRITABLE), true);
      }
    }
    const flags = PRESENT_WRITABLE | (size === PAGE ? 0 : LARGE);
    const entry = NO_EXECUTE | BigInt(physical) | BigInt(flags);
    this.#view.setBigUint64(table + this.#index(virtual, lowest), entry, true);
  }

  #index(virtual: bigint, shift: number): number {
    return Number((virtual >> BigInt(shift)) & 511n) * 8;
  }
}
