import { type Gva, gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";

// Bits of entries: Intel SDM vol. 3, 4.5 (tables 4-15 to 4-20).
const PRESENT = 0x01;
const PAGE_SIZE_BIT = 0x80;
const HIGH_ADDRESS = 0x000f_ffff;
const PAGE = 4096;
const LARGE_PAGE = 512 * PAGE;
const INDEX_BITS = 9;
const PAGE_SHIFT = 12;

/** A page of the kernel image that is not where the kernel was loaded. */
export interface MovedPage {
  readonly address: Gva;
  /** Where it is in guest-physical memory, and where it should be; `undefined` where it is mapped nowhere. */
  readonly physical: number | undefined;
  readonly expected: number;
}

/**
 * Pages of `[start, end)`, a part of the kernel image, that the kernel's page tables map elsewhere than to
 * where the kernel was loaded: processors see other code there than who reads the image.
 *
 * HOSTILE: tables may point anywhere; each is read once. Throws `kernel/damaged` where one is in no RAM.
 */
export function* walkMovedPages(kernel: KernelReader, start: Gva, end: Gva): Generator<MovedPage> {
  const { textBase, physicalBase, pageTableRoot, pagingLevels, directMapBase } = kernel.facts;
  const { memory } = kernel;
  const addressOf = (low: number, high: number) =>
    (high & HIGH_ADDRESS) * 2 ** 32 + ((low & ~(PAGE - 1)) >>> 0);
  /** The two halves of the entry of `table` that `address` is under at `level`, 1 being the last. */
  const entry = (table: number, address: bigint, level: number) => {
    const index = Number((address >> BigInt(PAGE_SHIFT + INDEX_BITS * (level - 1))) & 511n);
    const at = gva(directMapBase + BigInt(table + index * 8));
    return { low: memory.u32(at), high: memory.u32(at, 4) };
  };
  const first = start - (start & BigInt(LARGE_PAGE - 1));
  for (let base = first; base < end; base += BigInt(LARGE_PAGE)) {
    kernel.budget.step();
    const expected = physicalBase + Number(base - textBase);
    const moved = (from: number, physical: number | undefined): MovedPage => {
      return { address: gva(base + BigInt(from)), physical, expected: expected + from };
    };
    let table: number | undefined = pageTableRoot;
    let isLarge = false;
    for (
      let level: number = pagingLevels;
      level >= 2 && table !== undefined && !isLarge;
      level -= 1
    ) {
      const { low, high }: { low: number; high: number } = entry(table, base, level);
      isLarge = level < 4 && (low & PAGE_SIZE_BIT) !== 0;
      table = (low & PRESENT) === 0 ? undefined : addressOf(low, high);
      // A page of 1 GiB is mapped where its first byte is.
      if (isLarge && level === 3 && table !== undefined) {
        table += Number(base & (2n ** 30n - 1n));
      }
    }
    if (table === undefined || isLarge) {
      // Above the address of a large page is a bit that is none of the address.
      const physical = table === undefined ? undefined : table - (table % LARGE_PAGE);
      if (physical !== expected) yield moved(0, physical);
      continue;
    }
    const entries = memory.bytes(gva(directMapBase + BigInt(table)), PAGE);
    const words = new Uint32Array(entries.buffer);
    for (let i = 0; i < words.length / 2; i += 1) {
      const address = base + BigInt(i * PAGE);
      if (address < start || address >= end) continue;
      const low = words[2 * i] ?? 0;
      const isThere = (low & PRESENT) !== 0;
      const physical = isThere ? addressOf(low, words[2 * i + 1] ?? 0) : undefined;
      if (physical !== expected + i * PAGE) yield moved(i * PAGE, physical);
    }
  }
}
