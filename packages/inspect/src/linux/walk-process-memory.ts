import type { Gva } from "@casemate/core";
import type { Access } from "../kernel/data-class.ts";
import type { MemoryPiece } from "../kernel/user-memory-reader.ts";
import { VmFlags } from "./vm-flags.ts";
import { walkVmas } from "./walk-vmas.ts";

/** The memory of one VMA. */
export interface VmaMemory {
  /** Address of its `vm_area_struct`. */
  readonly vma: Gva;
  /** Its bytes in order, in pieces of up to 1 MiB, and what is missing. */
  readonly pieces: Generator<MemoryPiece>;
}

/**
 * All that the process of the `mm_struct` at `mm` may read, VMA by VMA: what a scanner for patterns (YARA)
 * is fed with. Device memory is left out. Pages cost a step of the budget each.
 *
 * HOSTILE: every byte is the process's.
 */
export function* walkProcessMemory(
  { kernel, user }: Access<"kernelMetadata" | "userMemory">,
  mm: Gva,
): Generator<VmaMemory> {
  const type = kernel.struct("vm_area_struct");
  const start = type.pointer("vm_start");
  const end = type.pointer("vm_end");
  const flagsOf = type.number("vm_flags");
  const space = user.open(mm);
  for (const vma of walkVmas(kernel, mm)) {
    const flags = flagsOf(vma);
    if ((flags & VmFlags.read) === 0 || (flags & (VmFlags.io | VmFlags.pfnmap)) !== 0) continue;
    yield { vma, pieces: space.walk(start(vma), end(vma)) };
  }
}
