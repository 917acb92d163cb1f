import { type Gva, gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import { type ModuleSymbols, readModuleSymbols } from "./module-symbols.ts";
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
interface Region {
  readonly start: bigint;
  readonly end: bigint;
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

/** The last region that starts at or before `address`, if it holds it. */
function findRegion(regions: readonly Region[], address: Gva): Region | undefined {
  let low = 0;
  let high = regions.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((regions[middle]?.start ?? 0n) <= address) low = middle + 1;
    else high = middle;
  }
  const region = regions[low - 1];
  return region !== undefined && address < region.end ? region : undefined;
}

function readRegions(kernel: KernelReader): readonly Region[] {
  return [...walkModuleRegions(kernel), ...walkBpf(kernel), ...walkFtrace(kernel)].toSorted(
    (one, other) => (one.start < other.start ? -1 : 1),
  );
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

/** `bpf_kallsyms`: programs, trampolines and dispatchers, each with a name. */
function* walkBpf(kernel: KernelReader): Generator<Region> {
  if (!kernel.hasSymbol("bpf_kallsyms")) return;
  const ksym = kernel.struct("bpf_ksym");
  const start = ksym.bigint("start");
  const end = ksym.bigint("end");
  const name = ksym.string("name");
  for (const at of ksym.list(kernel.symbol("bpf_kallsyms"), "lnode")) {
    const from = gva(start(at));
    yield named(from, end(at), name(at), "bpf");
  }
}

/** `ftrace_ops_trampoline_list`. */
function* walkFtrace(kernel: KernelReader): Generator<Region> {
  if (!kernel.hasSymbol("ftrace_ops_trampoline_list")) return;
  const ops = kernel.struct("ftrace_ops");
  const trampoline = ops.pointer("trampoline");
  const size = ops.bigint("trampoline_size");
  for (const at of ops.list(kernel.symbol("ftrace_ops_trampoline_list"), "list")) {
    const start = trampoline(at);
    yield named(start, start + size(at), "ftrace_trampoline", "__builtin__ftrace");
  }
}

function named(start: Gva, end: bigint, name: string, module: string): Region {
  const find = (address: Gva) => ({ name, offset: Number(address - start), module });
  return { start, end, find };
}
