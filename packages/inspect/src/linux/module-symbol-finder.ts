import { type Gva, gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import { walkModules } from "./walk-modules.ts";

/** Elf64_Sym (ELF-64 Object File Format, 3), in bytes. */
const SYM = { name: 0, section: 6, value: 8, size: 24 };
const SHN_UNDEF = 0;
const SHN_LORESERVE = 0xff00;
/** The largest modules have some 20,000 symbols, and names of a megabyte. */
const MAX_SYMBOLS = 200_000;
const MAX_NAME = 512;
const SYMBOLS_PER_STEP = 16;

/**
 * Where modules have what they are called by a name; of several the first: `find_kallsyms_symbol_value`. All
 * of them are read at the first question. HOSTILE: modules name their symbols.
 */
export function moduleSymbolFinder(kernel: KernelReader): (name: string) => Gva | undefined {
  let found: Map<string, Gva> | undefined;
  return (name) => {
    if (found === undefined) {
      found = new Map();
      for (const module of walkModules(kernel)) addSymbols(kernel, module, found);
    }
    return found.get(name);
  };
}

function addSymbols(kernel: KernelReader, module: Gva, found: Map<string, Gva>): void {
  const type = kernel.struct("module");
  if (!type.has("kallsyms->symtab") || type.pointer("kallsyms")(module) === 0n) return;
  const count = Math.min(type.number("kallsyms->num_symtab")(module), MAX_SYMBOLS);
  kernel.budget.step(Math.ceil(count / SYMBOLS_PER_STEP));
  const table = type.pointer("kallsyms->symtab")(module);
  const strings = type.pointer("kallsyms->strtab")(module);
  const symbols = Buffer.from(kernel.memory.bytes(table, count * SYM.size).buffer);
  for (let at = 0; at < symbols.length; at += SYM.size) {
    const section = symbols.readUInt16LE(at + SYM.section);
    if (section === SHN_UNDEF || section >= SHN_LORESERVE) continue;
    const place = gva(strings + BigInt(symbols.readUInt32LE(at + SYM.name)));
    const name = kernel.memory.string(place, MAX_NAME);
    if (!found.has(name)) found.set(name, gva(symbols.readBigUInt64LE(at + SYM.value)));
  }
}
