import { type Gva, gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import { readModuleSymbolTable } from "./module-symbol-table.ts";

/**
 * Where the module at `module` has what it calls `name`, by its own symbols: `find_kallsyms_symbol_value`.
 * HOSTILE: modules name their symbols.
 */
export function findModuleSymbol(kernel: KernelReader, module: Gva, name: string): Gva | undefined {
  const table = readModuleSymbolTable(kernel, module);
  if (table === undefined) return undefined;
  const { memory } = kernel;
  const first = name.charCodeAt(0);
  for (const index of table.defined) {
    // Few begin like it: the others need not be spelled.
    const offset = table.nameOffset(index);
    if (memory.u8(table.strings, offset) !== first) continue;
    if (memory.string(gva(table.strings + BigInt(offset)), name.length + 1) !== name) continue;
    return gva(table.address(index));
  }
  return undefined;
}
