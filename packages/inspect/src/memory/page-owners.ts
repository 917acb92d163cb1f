import type { Gva } from "@casemate/core";
import { highHalf, lowHalf } from "../to-number.ts";
import { type PageTables, UNMAPPED } from "./page-tables.ts";
import type { PhysicalReader } from "./physical-reader.ts";

/** What a page of RAM holds: the kernel's own data, a process's memory, or a file's contents. */
export type PageOwner = "kernel" | "process" | "file";

/** Where a `struct page` says so (include/linux/mm_types.h), in bytes. */
export interface PageLayout {
  /** Where the array of all of them is: `vmemmap_base`. */
  readonly base: Gva;
  readonly size: number;
  readonly mapping: number;
  /** `compound_head`, or `compound_info` since 7.0. */
  readonly compound: number;
  /** What marks a page of a slab, where `mapping` means something else: a bit up to 6.9, a type since. */
  readonly slab:
    | { readonly kind: "flag"; readonly flags: number; readonly bit: number }
    | { readonly kind: "type"; readonly pageType: number; readonly value: number };
}

const MAP_SHIFT = 21;
const MAP_SIZE = 2 ** MAP_SHIFT;
/** `PAGE_MAPPING_ANON` and `PAGE_MAPPING_MOVABLE` (include/linux/page-flags.h): not a file's. */
const NOT_A_FILE = 3;

/**
 * Tells what pages of RAM hold, as the kernel itself keeps books of it.
 *
 * Only processes' memory and the page cache have a `mapping`: pages of slabs, page tables, stacks, vmalloc
 * and the kernel's image have none.
 *
 * HOSTILE: a kernel that lies here gives away more of its own guest, and nothing else.
 */
export class PageOwners {
  readonly #physical: PhysicalReader;
  readonly #pageTables: PageTables;
  readonly #layout: PageLayout;
  /** Halves of the address that the array begins at. */
  readonly #baseLow: number;
  readonly #baseHigh: number;
  /** Physical addresses of the 2 MiB pieces of the array, or `UNMAPPED`. */
  readonly #maps = new Map<number, number>();

  constructor(physical: PhysicalReader, pageTables: PageTables, layout: PageLayout) {
    this.#physical = physical;
    this.#pageTables = pageTables;
    this.#layout = layout;
    this.#baseLow = lowHalf(layout.base);
    this.#baseHigh = highHalf(layout.base);
  }

  /** What the page with number `frame` holds; what has no `struct page` is no process's and no file's. */
  ownerOf(frame: number): PageOwner {
    const at = this.#find(this.#headOf(frame));
    if (at === UNMAPPED || this.#isSlab(at)) return "kernel";
    const low = this.#physical.u32(at + this.#layout.mapping);
    if (low === 0 && this.#physical.u32(at + this.#layout.mapping + 4) === 0) return "kernel";
    return (low & NOT_A_FILE) === 0 ? "file" : "process";
  }

  /** Forgets where the array is. */
  refresh(): void {
    this.#maps.clear();
  }

  /** `compound_head`: the first page of several that are one. */
  #headOf(frame: number): number {
    const at = this.#find(frame);
    if (at === UNMAPPED) return frame;
    const { size, compound } = this.#layout;
    const marked = this.#physical.u32(at + compound);
    if ((marked & 1) === 0) return frame;
    const low = marked - 1;
    const high = this.#physical.u32(at + compound + 4);
    // The address of the head, which is before its tails; or since 7.0 a mask that leads to it.
    const page = frame * size;
    let head = this.#distance(low, high);
    if (head > page) {
      const sum = this.#baseLow + page;
      const pageHigh = this.#baseHigh + Math.floor(sum / 2 ** 32);
      head = this.#distance((sum & low) >>> 0, (pageHigh & high) >>> 0);
    }
    return head >= 0 ? Math.floor(head / size) : frame;
  }

  /** How far behind the begin of the array an address of two halves is, in bytes: exact wherever RAM has one. */
  #distance(low: number, high: number): number {
    return (high - this.#baseHigh) * 2 ** 32 + (low - this.#baseLow);
  }

  #isSlab(at: number): boolean {
    const { slab } = this.#layout;
    switch (slab.kind) {
      case "flag":
        return ((this.#physical.u32(at + slab.flags) >>> slab.bit) & 1) !== 0;
      case "type":
        return this.#physical.u32(at + slab.pageType) >>> 24 === slab.value;
    }
  }

  /** The physical address of a page's `struct page`, or `UNMAPPED`. */
  #find(frame: number): number {
    const { base, size } = this.#layout;
    const offset = frame * size;
    const index = Math.floor(offset / MAP_SIZE);
    let map = this.#maps.get(index);
    if (map === undefined) {
      const start = this.#pageTables.translate(base + BigInt(index) * BigInt(MAP_SIZE));
      map = start !== UNMAPPED && this.#physical.has(start, MAP_SIZE) ? start : UNMAPPED;
      this.#maps.set(index, map);
    }
    return map === UNMAPPED ? UNMAPPED : map + (offset % MAP_SIZE);
  }
}
