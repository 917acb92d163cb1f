import { type Gva, gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import { moduleRegions, walkModules } from "./walk-modules.ts";

/**
 * Whose static memory something is in: the kernel image's, that of the module at an address, or of nobody in
 * the part of the address space where modules are; `undefined` for memory that was allocated.
 */
export type StaticOwner = "kernel" | "nobody" | Gva | undefined;

/** `MODULES_END` (arch/x86/include/asm/pgtable_64_types.h). */
const MODULES_END = 0xffff_ffff_ff00_0000n;

/** Finds whose static memory something is in. Make one for each look: it lists the modules once. */
export function staticMemory(kernel: KernelReader): (address: Gva) => StaticOwner {
  const { textBase, imageSize } = kernel.facts;
  const imageEnd = textBase + BigInt(imageSize);
  const known = new Map<Gva, StaticOwner>();
  let regions: readonly { start: bigint; end: bigint; module: Gva }[] | undefined;
  const find = (address: Gva): StaticOwner => {
    regions ??= readRegions(kernel);
    const found = regions.find(({ start, end }) => address >= start && address < end);
    if (found !== undefined) return found.module;
    return address >= imageEnd && address < MODULES_END ? "nobody" : undefined;
  };
  return (address) => {
    if (address >= textBase && address < imageEnd) return "kernel";
    if (!known.has(address)) known.set(address, find(address));
    return known.get(address);
  };
}

function readRegions(kernel: KernelReader) {
  const regionsOf = moduleRegions(kernel);
  return [...walkModules(kernel)].flatMap((module) =>
    regionsOf(module).map(({ base, size }) => ({
      start: base,
      end: gva(base + BigInt(size)),
      module,
    })),
  );
}
