import { type Gva, gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import { MemoryFault } from "../memory/memory-fault.ts";

/**
 * `vm_area_struct`s of the `mm_struct` at `mm` in the order of their addresses: `for_each_vma`, by the
 * maple tree since 6.1 and by the list of VMAs before. None may overlap the one before it.
 */
export function* walkVmas(kernel: KernelReader, mm: Gva): Generator<Gva> {
  const vma = kernel.struct("vm_area_struct");
  const start = vma.bigint("vm_start");
  const end = vma.bigint("vm_end");
  let previousEnd = 0n;
  for (const at of walkUnchecked(kernel, mm)) {
    const first = start(at);
    const last = end(at);
    if (first < previousEnd || last <= first) {
      throw new MemoryFault(at, "a VMA that overlaps the one before it", "addresses that grow");
    }
    previousEnd = last;
    yield at;
  }
}

function* walkUnchecked(kernel: KernelReader, mm: Gva): Generator<Gva> {
  const type = kernel.struct("mm_struct");
  if (type.has("mm_mt")) {
    for (const { entry } of kernel.mapleTree(type.address("mm_mt")(mm))) yield entry;
    return;
  }
  const next = kernel.struct("vm_area_struct").offset("vm_next");
  for (let at = kernel.link(mm, type.offset("mmap")); at !== 0n; at = kernel.link(at, next)) {
    kernel.budget.step();
    yield gva(at);
  }
}
