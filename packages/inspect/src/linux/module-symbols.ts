import { type Gva, gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";

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

// Elf64_Sym (ELF-64 Object File Format, 3) in words of 32 and of 64 bits.
const SYMBOL_WORDS = 6;
const SYMBOL_QUADS = 3;
const NAME_WORD = 0;
const INFO_WORD = 1;
const VALUE_QUAD = 1;
const SIZE_QUAD = 2;
const SHN_UNDEF = 0;
const SHN_LORESERVE = 0xff00;
/** The largest modules have some 20,000 symbols. */
const MAX_SYMBOLS = 200_000;
const SYMBOLS_PER_STEP = 64;
/** KSYM_NAME_LEN */
const MAX_NAME = 512;

/** Reads a module's `mod_kallsyms`; names are spelled when they are asked for. */
export function readModuleSymbols(kernel: KernelReader, module: Gva): ModuleSymbols {
  const type = kernel.struct("module");
  // One whose loading has only begun has none yet.
  if (!type.has("kallsyms->symtab") || type.pointer("kallsyms")(module) === 0n) {
    return { at: () => undefined };
  }
  const count = Math.min(type.number("kallsyms->num_symtab")(module), MAX_SYMBOLS);
  kernel.budget.step(Math.ceil(count / SYMBOLS_PER_STEP));
  const table = type.pointer("kallsyms->symtab")(module);
  const { buffer } = kernel.memory.bytes(table, count * SYMBOL_WORDS * 4);
  const words = new Uint32Array(buffer);
  const quads = new BigUint64Array(buffer);
  const strings = type.pointer("kallsyms->strtab")(module);

  const addressOf = (index: number) => quads[index * SYMBOL_QUADS + VALUE_QUAD] ?? 0n;
  const sizeOf = (index: number) => Number(quads[index * SYMBOL_QUADS + SIZE_QUAD] ?? 0n);
  const nameOf = (index: number) => {
    const offset = words[index * SYMBOL_WORDS + NAME_WORD] ?? 0;
    return kernel.memory.string(gva(strings + BigInt(offset)), MAX_NAME);
  };
  const sorted: number[] = [];
  for (let index = 0; index < count; index += 1) {
    const section = (words[index * SYMBOL_WORDS + INFO_WORD] ?? 0) >>> 16;
    if (section === SHN_UNDEF || section >= SHN_LORESERVE) continue;
    sorted.push(index);
  }
  sorted.sort((one, other) => {
    const difference = addressOf(one) - addressOf(other);
    return difference === 0n ? one - other : difference < 0n ? -1 : 1;
  });

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
        if (isSymbol(name)) best = { name, address: gva(value), size: sizeOf(index) };
      }
      return best;
    },
  };
}

/** Neither without a name nor one of the marks that assemblers leave: `is_mapping_symbol`. */
function isSymbol(name: string): boolean {
  return name !== "" && !name.startsWith(".L") && !name.startsWith("L0");
}
