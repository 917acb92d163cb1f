import type { Gva } from "@casemate/core";
import { Btf } from "../btf/btf.ts";
import { BtfKind } from "../btf/btf-kind.ts";
import { StructLayout } from "../btf/struct-layout.ts";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import { StructType } from "../kernel/struct-type.ts";

/**
 * Finds structs and unions that only a loaded module knows, by the module's own BTF, which the kernel keeps
 * (`btf_modules`, since 5.11): `moduleStruct("nf_tables", "nft_table")`. `undefined` where the kernel has
 * no BTF of that module, or the module no such type. Make one for each look: it remembers what it parsed.
 */
export function moduleStructs(
  kernel: KernelReader,
): (module: string, name: string) => StructType | undefined {
  const parsed = new Map<string, Btf | undefined>();
  const structs = new Map<string, StructType | undefined>();
  const locations = new Map<string, Gva>();
  for (const { module, btf } of walkModuleBtf(kernel)) locations.set(module, btf);

  const btfOf = (module: string): Btf | undefined => {
    if (!parsed.has(module)) {
      const at = locations.get(module);
      parsed.set(module, at === undefined ? undefined : readBtf(kernel, at));
    }
    return parsed.get(module);
  };
  return (module, name) => {
    const key = `${module} ${name}`;
    if (!structs.has(key)) {
      const btf = btfOf(module);
      const id = btf === undefined ? undefined : findStruct(btf, name);
      const type =
        btf === undefined || id === undefined
          ? undefined
          : new StructType(kernel, new StructLayout(btf, id, name), btf);
      structs.set(key, type);
    }
    return structs.get(key);
  };
}

/** A struct by its tag, or by the name of the type that it was given. */
function findStruct(btf: Btf, name: string): number | undefined {
  const named = btf.find(name, BtfKind.struct, BtfKind.union);
  if (named !== undefined) return named;
  const alias = btf.find(name, BtfKind.typedef);
  return alias === undefined ? undefined : btf.strip(alias);
}

/** A module's name and its `struct btf`. */
function* walkModuleBtf(
  kernel: KernelReader,
): Generator<{ readonly module: string; readonly btf: Gva }> {
  if (!kernel.hasSymbol("btf_modules") || !kernel.hasStruct("btf_module")) return;
  const entry = kernel.struct("btf_module");
  const name = entry.string("module->name");
  const btf = entry.pointer("btf");
  for (const at of entry.list(kernel.symbol("btf_modules"), "list")) {
    const found = btf(at);
    if (found !== 0n) yield { module: name(at), btf: found };
  }
}

/** `undefined` where it builds upon other types than the kernel's: those of a module built elsewhere. */
function readBtf(kernel: KernelReader, at: Gva): Btf | undefined {
  const type = kernel.struct("btf");
  const base = kernel.btf;
  const fits =
    type.number("start_id")(at) === base.size &&
    type.number("start_str_off")(at) === base.stringLength;
  if (!fits) return undefined;
  const bytes = kernel.memory.bytes(type.pointer("data")(at), type.number("data_size")(at));
  // A type costs at least 12 bytes.
  kernel.budget.step(Math.ceil(bytes.length / 12));
  return Btf.parse(bytes, base);
}
