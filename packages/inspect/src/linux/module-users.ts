import type { Gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";

/**
 * Tells whether one of two modules uses symbols of the other (`module_use`): only then one can hold addresses
 * of the other's. Make one for each look.
 */
export function moduleUsers(kernel: KernelReader): (one: Gva, other: Gva) => boolean {
  const used = new Map<Gva, ReadonlySet<Gva>>();
  const usedBy = (module: Gva): ReadonlySet<Gva> => {
    const known = used.get(module);
    if (known !== undefined) return known;
    const found = new Set(readUsed(kernel, module));
    used.set(module, found);
    return found;
  };
  return (one, other) => usedBy(one).has(other) || usedBy(other).has(one);
}

/** What the module uses; its own `target_list` is of those. */
function* readUsed(kernel: KernelReader, module: Gva): Generator<Gva> {
  const type = kernel.struct("module");
  // Without CONFIG_MODULE_UNLOAD nothing says so.
  if (!type.has("target_list") || !kernel.hasStruct("module_use")) return;
  const use = kernel.struct("module_use");
  const target = use.pointer("target");
  for (const each of use.list(type.address("target_list")(module), "target_list")) {
    yield target(each);
  }
}
