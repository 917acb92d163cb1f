import type { Gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import { type AddressRegion, findRegion, sortRegions } from "./find-region.ts";
import { type ModuleSymbols, readModuleSymbols } from "./module-symbols.ts";
import { walkMadeCode } from "./walk-made-code.ts";
import { moduleRegions, walkModules } from "./walk-modules.ts";

/** What an address of the kernel belongs to. */
export interface SymbolizedAddress {
  /** HOSTILE: modules and BPF programs name themselves. */
  readonly name: string;
  /** From the start of what has the name, in bytes. */
  readonly offset: number;
  /**
   * What it is in, as /proc/kallsyms says it: a module's name, `bpf` or `__builtin__ftrace` for code made
   * at run time; `undefined` in the kernel image.
   */
  readonly module: string | undefined;
}

/** A run of addresses in something that was loaded or made after the start. */
interface Region extends AddressRegion {
  find(address: Gva): SymbolizedAddress;
}

/**
 * Finds what addresses of the kernel belong to: the kernel image, modules (each by its own symbols), BPF
 * programs and trampolines, ftrace's trampolines; `undefined` of memory that belongs to none of them.
 * Make one for each look: it lists modules and programs once, and remembers.
 */
export function symbolizer(kernel: KernelReader): (address: Gva) => SymbolizedAddress | undefined {
  const known = new Map<Gva, SymbolizedAddress | undefined>();
  let regions: readonly Region[] | undefined;
  return (address) => {
    if (known.has(address)) return known.get(address);
    const symbol = kernel.symbolAt(address);
    let found: SymbolizedAddress | undefined;
    if (symbol !== undefined) found = { ...symbol, module: undefined };
    else {
      regions ??= readRegions(kernel);
      found = findRegion(regions, address)?.find(address);
    }
    known.set(address, found);
    return found;
  };
}

/** `do_syscall_64+0x5b`, `nft_do_chain+0x3f [nf_tables]`. */
export function formatSymbol({ name, offset, module }: SymbolizedAddress): string {
  const place = offset === 0 ? name : `${name}+0x${offset.toString(16)}`;
  return module === undefined ? place : `${place} [${module}]`;
}

function readRegions(kernel: KernelReader): readonly Region[] {
  return sortRegions([...walkModuleRegions(kernel), ...walkMadeRegions(kernel)]);
}

function* walkModuleRegions(kernel: KernelReader): Generator<Region> {
  if (!kernel.hasSymbol("modules")) return;
  const nameOf = kernel.struct("module").string("name");
  const regionsOf = moduleRegions(kernel);
  for (const at of walkModules(kernel)) {
    const module = nameOf(at);
    let symbols: ModuleSymbols | undefined;
    for (const { base, size } of regionsOf(at)) {
      const end = base + BigInt(size);
      const find = (address: Gva) => {
        symbols ??= readModuleSymbols(kernel, at);
        const symbol = symbols.at(address);
        // A symbol of another part of the module says nothing about this one.
        const isHere = symbol !== undefined && symbol.address >= base;
        const from = isHere ? symbol.address : base;
        return { name: isHere ? symbol.name : "", offset: Number(address - from), module };
      };
      yield { start: base, end, find };
    }
  }
}

/** As /proc/kallsyms names what made them. */
const MAKERS = { bpf: "bpf", ftrace: "__builtin__ftrace" } as const;

function* walkMadeRegions(kernel: KernelReader): Generator<Region> {
  for (const { start, end, name: spell, maker } of walkMadeCode(kernel)) {
    const name = spell();
    const find = (address: Gva) => {
      return { name, offset: Number(address - start), module: MAKERS[maker] };
    };
    yield { start, end, find };
  }
}
