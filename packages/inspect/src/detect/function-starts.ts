import type { Gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";

/**
 * Tells whether a function of the kernel image starts at an address. The image's symbols never change, so
 * what was found is remembered in `kept`, which is a detector's own.
 */
export function functionStarts(
  kernel: KernelReader,
  kept: Map<string, unknown>,
): (address: Gva) => boolean {
  const key = `function starts ${kernel.facts.textBase}`;
  const remembered = kept.get(key);
  const starts: Set<bigint> = remembered instanceof Set ? remembered : new Set();
  kept.set(key, starts);
  return (address) => {
    if (starts.has(address)) return true;
    if (kernel.symbolAt(address)?.offset !== 0) return false;
    // There are no more of them than functions: a guest cannot make it grow.
    starts.add(address);
    return true;
  };
}
