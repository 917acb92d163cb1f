import { type Gva, gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";

/** A page of a file that is in RAM. */
export interface CachedPage {
  /** Its number in guest-physical memory. */
  readonly frame: number;
  /** Address of its `struct page`. */
  readonly page: Gva;
  /** Whether the disk is known to have the same: nobody wrote to it since it was read or written back. */
  readonly isClean: boolean;
}

const PAGE_FLAGS = ["PG_uptodate", "PG_dirty", "PG_writeback"] as const;

/**
 * Reads what of a file the `address_space` at an address holds: pages by their numbers in the file, without
 * those that are still being read. In what shapes they come, `readPageCache` says.
 */
export function cachedPages(
  kernel: KernelReader,
): (mapping: Gva) => ReadonlyMap<number, CachedPage> {
  const pages = kernel.struct("address_space").address("i_pages");
  const page = kernel.struct("page");
  const flags = page.offset("flags");
  const size = BigInt(page.size);
  const [uptodate, dirty, writeback] = PAGE_FLAGS.map((name) => bitOf(kernel, name));
  const unwritten = (dirty ?? 0) | (writeback ?? 0);
  const base = kernel.facts.vmemmapBase;
  return (mapping) => {
    const found = new Map<number, CachedPage>();
    let head = { entry: gva(0n), index: 0 };
    for (const { entry, index, count } of kernel.xarray(pages(mapping))) {
      if ((entry & 1n) === 1n) continue; // What is said of a page that was evicted.
      if (entry !== head.entry) head = { entry, index };
      const bits = kernel.memory.u32(entry, flags);
      if ((bits & (uptodate ?? 0)) === 0) continue;
      const isClean = (bits & unwritten) === 0;
      const first = Number((entry - base) / size);
      for (let at = index; at < index + count; at += 1) {
        kernel.budget.step();
        const further = at - head.index;
        found.set(at, { frame: first + further, page: page.element(entry, further), isClean });
      }
    }
    return found;
  };
}

/** A bit of `page.flags`; kernels whose BTF has no such name are those that have no such flag. */
function bitOf(kernel: KernelReader, name: string): number {
  const bit = kernel.constant(name);
  return bit === undefined ? 0 : 1 << bit;
}
