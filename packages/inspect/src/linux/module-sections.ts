import type { Gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import type { Accessor } from "../kernel/struct-type.ts";

/** Modules built with a section for each function have some thousands; of a name the first counts. */
const MAX_SECTIONS = 8192;

/** Reads where each section of a module was loaded, by its name: /sys/module/NAME/sections. */
export function moduleSections(kernel: KernelReader): Accessor<ReadonlyMap<string, Gva>> {
  const module = kernel.struct("module");
  if (!module.has("sect_attrs") || !kernel.hasStruct("module_sect_attrs")) return () => new Map();
  const attributesOf = module.pointer("sect_attrs");
  const walk = sectionAttributes(kernel);
  return (at) => {
    const found = new Map<string, Gva>();
    const attributes = attributesOf(at);
    if (attributes === 0n) return found;
    for (const { name, address } of walk(attributes)) {
      if (!found.has(name)) found.set(name, address);
    }
    return found;
  };
}

/** Up to 6.14 an array of structs around the attribute, counted; since then attributes, up to a NULL. */
function sectionAttributes(
  kernel: KernelReader,
): (at: Gva) => Generator<{ readonly name: string; readonly address: Gva }> {
  const type = kernel.struct("module_sect_attrs");
  if (type.has("nsections")) {
    const section = kernel.struct("module_sect_attr");
    const count = type.number("nsections");
    const first = type.address("attrs");
    const name = section.string("battr.attr.name");
    const address = section.pointer("address");
    return function* walk(at) {
      const length = Math.min(count(at), MAX_SECTIONS);
      for (let i = 0; i < length; i += 1) {
        kernel.budget.step();
        const each = section.element(first(at), i);
        yield { name: name(each), address: address(each) };
      }
    };
  }
  const attribute = kernel.struct("bin_attribute");
  const list = type.pointer("grp.bin_attrs", "grp.bin_attrs_new");
  const name = attribute.string("attr.name");
  const address = attribute.pointer("private");
  return function* walk(at) {
    const base = list(at);
    for (let i = 0; base !== 0n && i < MAX_SECTIONS; i += 1) {
      kernel.budget.step();
      const each = kernel.memory.pointer(base, i * 8);
      if (each === 0n) return;
      yield { name: name(each), address: address(each) };
    }
  };
}
