import type { KernelReader } from "../kernel/kernel-reader.ts";
import type { Accessor } from "../kernel/struct-type.ts";
import { anonVmaName } from "./anon-vma-name.ts";

/**
 * Reads how /proc/PID/maps calls a VMA without a file (`show_map_vma`): `[heap]`, `[stack]`, `[vdso]`,
 * `[anon:NAME]`; "" for most. HOSTILE: processes choose NAME.
 */
export function vmaName(kernel: KernelReader): Accessor<string> {
  const vma = kernel.struct("vm_area_struct");
  const start = vma.bigint("vm_start");
  const end = vma.bigint("vm_end");
  const mm = vma.pointer("vm_mm");
  const specialName = specialMappingName(kernel);
  const anonName = anonVmaName(kernel);
  const mmType = kernel.struct("mm_struct");
  const startBrk = mmType.bigint("start_brk");
  const brk = mmType.bigint("brk");
  const startStack = mmType.bigint("start_stack");
  return (at) => {
    const special = specialName(at);
    if (special !== "") return special;
    const owner = mm(at);
    const first = start(at);
    const last = end(at);
    if (first < brk(owner) && last > startBrk(owner)) return "[heap]";
    const stack = startStack(owner);
    if (first <= stack && last >= stack) return "[stack]";
    const chosen = anonName(at);
    return chosen === "" ? "" : `[anon:${chosen}]`;
  };
}

/** `special_mapping_name`, `gate_vma_name`: `[vdso]`, `[vvar]`, `[uprobes]`, `[vsyscall]`; "" of other VMAs. */
function specialMappingName(kernel: KernelReader): Accessor<string> {
  const vma = kernel.struct("vm_area_struct");
  const operations = vma.pointer("vm_ops");
  const nameFunction = kernel.struct("vm_operations_struct").pointer("name");
  const data = vma.pointer("vm_private_data");
  const special = kernel.symbol("special_mapping_name");
  const gate = kernel.hasSymbol("gate_vma_name") ? kernel.symbol("gate_vma_name") : undefined;
  const name = kernel.struct("vm_special_mapping").string("name");
  return (at) => {
    const table = operations(at);
    if (table === 0n) return "";
    const names = nameFunction(table);
    if (names === special) return name(data(at));
    return names === gate ? "[vsyscall]" : "";
  };
}
