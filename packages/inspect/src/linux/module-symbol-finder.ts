import { type Gva, gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import { hashName } from "./hash-name.ts";
import { type ModuleSymbolTable, readModuleSymbolTable } from "./module-symbol-table.ts";
import { walkModules } from "./walk-modules.ts";

/** KSYM_NAME_LEN */
const MAX_NAME = 512;
/** More than a module has symbols. */
const MODULE = 2 ** 20;
const SYMBOLS_PER_STEP = 64;

/**
 * Where modules have what they are called by a name; of several the first: `find_kallsyms_symbol_value`. All
 * of them are read at the first question. HOSTILE: modules name their symbols.
 */
export function moduleSymbolFinder(kernel: KernelReader): (name: string) => Gva | undefined {
  let index: NameIndex | undefined;
  return (name) => {
    index ??= new NameIndex(kernel);
    return index.find(name);
  };
}

interface NamedSymbols extends ModuleSymbolTable {
  /** Names as they lie one after the other. */
  readonly names: Buffer;
}

/** Symbols of all modules by hashes of their names, which are not spelled: there are 50,000, and few are asked for. */
class NameIndex {
  readonly #kernel: KernelReader;
  readonly #modules: NamedSymbols[] = [];
  /** The first symbol of each hash: its number, and `MODULE` times that of its module. */
  readonly #first = new Map<number, number>();

  constructor(kernel: KernelReader) {
    this.#kernel = kernel;
    for (const module of walkModules(kernel)) {
      const table = readModuleSymbolTable(kernel, module);
      if (table === undefined || table.defined.length === 0) continue;
      const names = readNames(kernel, table);
      for (const [nth, symbol] of table.defined.entries()) {
        if (nth % SYMBOLS_PER_STEP === 0) kernel.budget.step();
        const hash = hashName(names, table.nameOffset(symbol), MAX_NAME);
        if (!this.#first.has(hash)) this.#first.set(hash, this.#modules.length * MODULE + symbol);
      }
      this.#modules.push({ ...table, names });
    }
  }

  find(name: string): Gva | undefined {
    const wanted = Buffer.from(`${name}\0`, "latin1");
    const first = this.#first.get(hashName(wanted, 0, MAX_NAME));
    if (first === undefined) return undefined;
    const module = this.#modules[Math.floor(first / MODULE)];
    if (module !== undefined && isCalled(module, first % MODULE, wanted)) {
      return gva(module.address(first % MODULE));
    }
    // HOSTILE: another name was made to have the same hash.
    for (const each of this.#modules) {
      this.#kernel.budget.step(Math.ceil(each.defined.length / SYMBOLS_PER_STEP));
      const symbol = each.defined.find((index) => isCalled(each, index, wanted));
      if (symbol !== undefined) return gva(each.address(symbol));
    }
    return undefined;
  }
}

/** Names lie one after the other: they are read at once, the last one up to its end. */
function readNames(kernel: KernelReader, { defined, strings, nameOffset }: ModuleSymbolTable) {
  const last = defined.reduce((most, index) => Math.max(most, nameOffset(index)), 0);
  const before = kernel.memory.bytes(strings, last);
  const name = kernel.memory.string(gva(strings + BigInt(last)), MAX_NAME);
  return Buffer.concat([before, Buffer.from(`${name}\0`)]);
}

/** @param name with its NUL. */
function isCalled({ names, nameOffset }: NamedSymbols, symbol: number, name: Uint8Array): boolean {
  const start = nameOffset(symbol);
  return name.every((byte, i) => names[start + i] === byte);
}
