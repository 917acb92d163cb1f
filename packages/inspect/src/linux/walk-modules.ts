import type { Gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import type { Accessor } from "../kernel/struct-type.ts";

/** A part of a module's memory. */
export interface ModuleRegion {
  readonly base: Gva;
  /** In bytes. */
  readonly size: number;
}

/** `MOD_MEM_NUM_TYPES` is 7; more than this no kernel has. */
const MAX_REGIONS = 16;

/** Every `struct module` on the kernel's list, the newest first; none in a kernel without modules. */
export function* walkModules(kernel: KernelReader): Generator<Gva> {
  if (!kernel.hasSymbol("modules")) return;
  yield* kernel.struct("module").list(kernel.symbol("modules"), "list");
}

/**
 * Reads where a module is, its text first: `mem` by `enum mod_mem_type` since 6.4, `core_layout` and
 * `init_layout` before. Parts of no size are left out.
 */
export function moduleRegions(kernel: KernelReader): Accessor<readonly ModuleRegion[]> {
  const module = kernel.struct("module");
  const layouts = module.has("mem")
    ? Array.from({ length: Math.min(module.length("mem"), MAX_REGIONS) }, (_, i) => `mem[${i}]`)
    : ["core_layout", "init_layout"];
  const parts = layouts.map((layout) => ({
    base: module.pointer(`${layout}.base`),
    size: module.number(`${layout}.size`),
  }));
  return (at) => {
    const regions: ModuleRegion[] = [];
    for (const { base, size } of parts) {
      const length = size(at);
      if (length > 0) regions.push({ base: base(at), size: length });
    }
    return regions;
  };
}
