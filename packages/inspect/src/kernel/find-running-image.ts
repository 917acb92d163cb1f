import { gpa, type MemoryRange } from "@casemate/core";
import { PageTables, type PagingLevels, UNMAPPED } from "../memory/page-tables.ts";
import type { PhysicalReader } from "../memory/physical-reader.ts";

/** `__START_KERNEL_map`, and how much of the address space kernel images share with modules. */
const START_KERNEL_MAP = 0xffff_ffff_8000_0000n;
const IMAGE_SPACE = 1024 * 1024 * 1024;
const HUGE_PAGE = 2 * 1024 * 1024;
const PAGE = 4096;
const LOW_MEMORY = 1024 * 1024;
/** The entry of a top page table that maps the kernel image, and `_PAGE_PRESENT`. */
const IMAGE_ENTRY = 511 * 8;
const PRESENT = 1;

/**
 * Where in guest-physical memory the kernel is that runs, as the page table says that starts processors
 * (`trampoline_pgd`, arch/x86/realmode/init.c): it lies below 1 MiB, where user space cannot write.
 * `undefined` where there is none (yet).
 */
export function findRunningImage(physical: PhysicalReader): MemoryRange | undefined {
  for (let root = PAGE; root < LOW_MEMORY; root += PAGE) {
    if (!physical.has(root, PAGE) || (physical.u32(root + IMAGE_ENTRY) & PRESENT) === 0) continue;
    for (const levels of [5, 4] as const satisfies readonly PagingLevels[]) {
      const image = imageIn(physical, new PageTables(physical, root, levels));
      if (image !== undefined) return image;
    }
  }
  return undefined;
}

/** The run of RAM that the image's part of the address space is mapped to; `undefined` if it is no run. */
function imageIn(physical: PhysicalReader, tables: PageTables): MemoryRange | undefined {
  let start = UNMAPPED;
  let end = UNMAPPED;
  for (let offset = 0; offset < IMAGE_SPACE; offset += HUGE_PAGE) {
    const at = tables.translate(START_KERNEL_MAP + BigInt(offset));
    if (at === UNMAPPED) {
      if (start === UNMAPPED) continue;
      break;
    }
    if (start === UNMAPPED) start = at;
    else if (at !== end) return undefined;
    end = at + HUGE_PAGE;
  }
  if (start === UNMAPPED || !physical.has(start, end - start)) return undefined;
  return { start: gpa(start), end: gpa(end) };
}
