import { type Gva, gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";

/** A module's own symbols, by their numbers in its `mod_kallsyms`. HOSTILE: modules name their symbols. */
export interface ModuleSymbolTable {
  /** Numbers of those that the module itself defines, in order. */
  readonly defined: readonly number[];
  /** Where the names are. */
  readonly strings: Gva;
  /** How far into `strings` a symbol's name begins. */
  nameOffset(index: number): number;
  address(index: number): bigint;
  /** How two are ordered by their addresses, the first of several at one address before the others. */
  compare(one: number, other: number): number;
  /** In bytes; 0 where the assembler did not say. */
  size(index: number): number;
}

// Elf64_Sym (ELF-64 Object File Format, 3) in words of 32 and of 64 bits.
const SYMBOL_WORDS = 6;
const SYMBOL_QUADS = 3;
const NAME_WORD = 0;
const INFO_WORD = 1;
const VALUE_WORD = 2;
const VALUE_QUAD = 1;
const SIZE_QUAD = 2;
const SHN_UNDEF = 0;
const SHN_LORESERVE = 0xff00;
/** The largest modules have some 20,000 symbols. */
const MAX_SYMBOLS = 200_000;
const SYMBOLS_PER_STEP = 64;

/** Reads a module's `mod_kallsyms`; `undefined` where it has none yet, as its loading has only begun. */
export function readModuleSymbolTable(
  kernel: KernelReader,
  module: Gva,
): ModuleSymbolTable | undefined {
  const type = kernel.struct("module");
  if (!type.has("kallsyms->symtab") || type.pointer("kallsyms")(module) === 0n) return undefined;
  const count = Math.min(type.number("kallsyms->num_symtab")(module), MAX_SYMBOLS);
  kernel.budget.step(Math.ceil(count / SYMBOLS_PER_STEP));
  const table = type.pointer("kallsyms->symtab")(module);
  const { buffer } = kernel.memory.bytes(table, count * SYMBOL_WORDS * 4);
  const words = new Uint32Array(buffer);
  const quads = new BigUint64Array(buffer);
  const defined: number[] = [];
  for (let index = 0; index < count; index += 1) {
    const section = (words[index * SYMBOL_WORDS + INFO_WORD] ?? 0) >>> 16;
    if (section !== SHN_UNDEF && section < SHN_LORESERVE) defined.push(index);
  }
  return {
    defined,
    strings: gva(type.pointer("kallsyms->strtab")(module)),
    nameOffset: (index) => words[index * SYMBOL_WORDS + NAME_WORD] ?? 0,
    address: (index) => quads[index * SYMBOL_QUADS + VALUE_QUAD] ?? 0n,
    compare(one, other) {
      const first = one * SYMBOL_WORDS + VALUE_WORD;
      const second = other * SYMBOL_WORDS + VALUE_WORD;
      const high = (words[first + 1] ?? 0) - (words[second + 1] ?? 0);
      return high || (words[first] ?? 0) - (words[second] ?? 0) || one - other;
    },
    size: (index) => Number(quads[index * SYMBOL_QUADS + SIZE_QUAD] ?? 0n),
  };
}
