import { type Gva, gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import { readModuleSymbolTable } from "./module-symbol-table.ts";

/** A symbol of a module, at its own address. */
export interface ModuleSymbol {
  /** HOSTILE: modules name their symbols. */
  readonly name: string;
  readonly address: Gva;
  /** In bytes; 0 where the assembler did not say. */
  readonly size: number;
}

/** The symbols that a module brought with it. */
export interface ModuleSymbols {
  /** The symbol at or before `address`: `find_kallsyms_symbol`. */
  at(address: Gva): ModuleSymbol | undefined;
}

/** KSYM_NAME_LEN */
const MAX_NAME = 512;

/** Reads a module's `mod_kallsyms`; names are spelled when they are asked for. */
export function readModuleSymbols(kernel: KernelReader, module: Gva): ModuleSymbols {
  const table = readModuleSymbolTable(kernel, module);
  if (table === undefined) return { at: () => undefined };
  const { strings, address: addressOf } = table;
  const nameOf = (index: number) =>
    kernel.memory.string(gva(strings + BigInt(table.nameOffset(index))), MAX_NAME);
  const sorted = table.defined.toSorted(table.compare);

  return {
    at(address) {
      let low = 0;
      let high = sorted.length;
      while (low < high) {
        const middle = (low + high) >>> 1;
        if (addressOf(sorted[middle] ?? 0) <= address) low = middle + 1;
        else high = middle;
      }
      // Of several symbols at one address the first that has a name counts.
      let best: ModuleSymbol | undefined;
      for (let at = low - 1; at >= 0; at -= 1) {
        const index = sorted[at] ?? 0;
        const value = addressOf(index);
        if (best !== undefined && value !== best.address) break;
        const name = nameOf(index);
        if (isSymbol(name)) best = { name, address: gva(value), size: table.size(index) };
      }
      return best;
    },
  };
}

/** Neither without a name nor one of the marks that assemblers leave: `is_mapping_symbol`. */
function isSymbol(name: string): boolean {
  return name !== "" && !name.startsWith(".L") && !name.startsWith("L0");
}
