import { type Gva, gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import { splitHalves } from "../to-number.ts";

// Bits of entries: Intel SDM vol. 3, 4.5 (tables 4-15 to 4-20).
const PRESENT = 0x01;
const PAGE_SIZE_BIT = 0x80;
const NO_EXECUTE = 0x8000_0000;
const HIGH_ADDRESS = 0x000f_ffff;
const INDEX = 0x1ffn;
const INDEX_BITS = 9;
const PAGE_SHIFT = 12;
/** Entries of the third level may be pages of 1 GiB. */
const LARGEST_PAGE = 3;

/** Whether the kernel's own page tables map a page at `address` that the kernel may execute: `lookup_address`. */
export function isExecutable(kernel: KernelReader, address: Gva): boolean {
  const { pageTableRoot, pagingLevels, directMapBase } = kernel.facts;
  let table: number = pageTableRoot;
  for (let level: number = pagingLevels; level > 0; level -= 1) {
    const shift = BigInt(PAGE_SHIFT + INDEX_BITS * (level - 1));
    const index = Number((address >> shift) & INDEX);
    const entry = kernel.memory.u64(gva(directMapBase + BigInt(table)), index * 8);
    const [low = 0, high = 0] = splitHalves(entry);
    if ((low & PRESENT) === 0 || high >= NO_EXECUTE) return false;
    if (level <= LARGEST_PAGE && (low & PAGE_SIZE_BIT) !== 0) return true;
    table = (high & HIGH_ADDRESS) * 2 ** 32 + ((low & 0xffff_f000) >>> 0);
  }
  return true;
}
