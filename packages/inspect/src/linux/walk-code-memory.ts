import { type Gva, gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import { moduleRegions } from "./walk-modules.ts";
import { walkVmapAreas } from "./walk-vmap-areas.ts";

/** Addresses `[start, end)` of the kernel. */
export interface AddressRange {
  readonly start: Gva;
  readonly end: Gva;
}

/** Memory where modules and other code that is made at run time is, as it was given out. */
export interface CodeMemory extends AddressRange {
  /** Address of its `vm_struct`; `0n` where it has none of its own. */
  readonly vm: Gva;
}

/** `__START_KERNEL_map`: from there on is the kernel image, then modules (Documentation/arch/x86/x86_64/mm.rst). */
const START_KERNEL_MAP = gva(0xffff_ffff_8000_0000n);
const PAGE = 4096n;
/** include/linux/vmalloc.h */
const VM_NO_GUARD = 0x40;
/** `BPF_PROG_PACK_SIZE` is 2 MiB for each node; what is one is known by where it starts. */
const MAX_PAGES = 4096;

/**
 * Each piece of memory in the part of addresses where modules are loaded: areas of vmalloc, and where the
 * kernel cuts pieces for code from larger ones (execmem, since 6.13), those pieces.
 */
export function* walkCodeMemory(kernel: KernelReader): Generator<CodeMemory> {
  const { busy, free } = readExecmem(kernel);
  const flags = kernel.struct("vm_struct").number("flags");
  for (const { start, end, vm } of walkVmapAreas(kernel, START_KERNEL_MAP)) {
    const isCut = [...busy, ...free].some((piece) => piece.start < end && start < piece.end);
    if (isCut) continue;
    // The page after an area is not mapped, so that whoever runs over its end is noticed.
    const hasGuard = vm !== 0n && (flags(vm) & VM_NO_GUARD) === 0;
    yield { start, end: hasGuard ? gva(end - PAGE) : end, vm };
  }
  for (const { start, end } of busy) yield { start, end, vm: gva(0n) };
}

/** Pieces of `execmem_cache` that are given out, and those that wait to be. */
function readExecmem(kernel: KernelReader) {
  const busy: AddressRange[] = [];
  const free: AddressRange[] = [];
  if (kernel.hasSymbol("execmem_cache") && kernel.hasStruct("execmem_cache")) {
    const cache = kernel.struct("execmem_cache");
    const at = kernel.symbol("execmem_cache");
    for (const [member, found] of [
      ["busy_areas", busy],
      ["free_areas", free],
    ] as const) {
      for (const { first, last } of kernel.mapleTree(cache.address(member)(at))) {
        found.push({ start: gva(first), end: gva(last + 1n) });
      }
    }
  }
  return { busy, free };
}

/** Parts of that memory that are known to be something: those of `modules`, BPF programs, tracers, probes. */
export function* walkKnownCode(
  kernel: KernelReader,
  modules: Iterable<Gva>,
): Generator<AddressRange> {
  const regionsOf = moduleRegions(kernel);
  const type = kernel.struct("module");
  const thunks = type.has("arch.its_pages")
    ? {
        pages: type.pointer("arch.its_pages.pages", "arch.its_pages"),
        count: type.number("arch.its_pages.num", "arch.its_num_pages"),
      }
    : undefined;
  for (const module of modules) {
    for (const { base, size } of regionsOf(module)) {
      yield { start: base, end: gva(base + BigInt(size)) };
    }
    if (thunks !== undefined) {
      yield* walkPages(kernel, thunks.pages(module), thunks.count(module));
    }
  }
  yield* walkInitFree(kernel);
  yield* walkBpfCode(kernel);
  yield* walkFtraceCode(kernel);
  yield* walkProbeSlots(kernel);
  yield* walkThunks(kernel);
}

/** What modules needed to begin only, and that waits to be given back: `init_free_list`. */
function* walkInitFree(kernel: KernelReader): Generator<AddressRange> {
  if (!kernel.hasSymbol("init_free_list") || !kernel.hasStruct("mod_initfree")) return;
  const type = kernel.struct("mod_initfree");
  const members = ["module_init", "init_text", "init_data", "init_rodata"];
  const parts = members.filter((name) => type.has(name)).map((name) => type.pointer(name));
  // An llist is linked as an hlist is.
  for (const at of type.hlist(kernel.symbol("init_free_list"), "node")) {
    for (const part of parts) {
      const start = part(at);
      if (start !== 0n) yield { start, end: gva(start + PAGE) };
    }
  }
}

/** Pages whose addresses are in an array. */
function* walkPages(kernel: KernelReader, array: Gva, count: number): Generator<AddressRange> {
  if (array === 0n) return;
  for (let i = 0; i < Math.min(count, MAX_PAGES); i += 1) {
    kernel.budget.step();
    const start = kernel.memory.pointer(array, i * 8);
    yield { start, end: gva(start + PAGE) };
  }
}

/** Programs and trampolines by their symbols, and the packs that programs share (since 5.18). */
function* walkBpfCode(kernel: KernelReader): Generator<AddressRange> {
  if (kernel.hasSymbol("bpf_kallsyms")) {
    const symbol = kernel.struct("bpf_ksym");
    const start = symbol.pointer("start");
    const end = symbol.pointer("end");
    const scratch = dispatcherScratch(kernel);
    for (const at of symbol.list(kernel.symbol("bpf_kallsyms"), "lnode")) {
      yield { start: start(at), end: end(at) };
      yield* scratch(at);
    }
  }
  if (kernel.hasSymbol("pack_list") && kernel.hasStruct("bpf_prog_pack")) {
    const pack = kernel.struct("bpf_prog_pack");
    const start = pack.pointer("ptr");
    for (const at of pack.list(kernel.symbol("pack_list"), "list")) {
      yield { start: start(at), end: gva(start(at) + PAGE) };
    }
  }
}

/** The page in which a dispatcher's next code is made (`rw_image`), by the symbol of the one that runs. */
function dispatcherScratch(kernel: KernelReader): (symbol: Gva) => readonly AddressRange[] {
  if (!kernel.hasStruct("bpf_dispatcher")) return () => [];
  const dispatcher = kernel.struct("bpf_dispatcher");
  if (!dispatcher.has("rw_image")) return () => [];
  const image = dispatcher.pointer("rw_image");
  const name = kernel.struct("bpf_ksym").string("name");
  const isProgram = kernel.struct("bpf_ksym").number("prog");
  return (symbol) => {
    if (isProgram(symbol) !== 0 || !name(symbol).startsWith("bpf_dispatcher_")) return [];
    const start = image(dispatcher.containerOf(symbol, "ksym"));
    return [{ start, end: gva(start + PAGE) }];
  };
}

function* walkFtraceCode(kernel: KernelReader): Generator<AddressRange> {
  if (!kernel.hasSymbol("ftrace_ops_trampoline_list")) return;
  const operations = kernel.struct("ftrace_ops");
  const trampoline = operations.pointer("trampoline");
  const size = operations.bigint("trampoline_size");
  for (const at of operations.list(kernel.symbol("ftrace_ops_trampoline_list"), "list")) {
    yield { start: trampoline(at), end: gva(trampoline(at) + size(at)) };
  }
}

/** Pages of instructions that kprobes moved aside: `kprobe_insn_cache`. */
function* walkProbeSlots(kernel: KernelReader): Generator<AddressRange> {
  if (!kernel.hasStruct("kprobe_insn_cache") || !kernel.hasStruct("kprobe_insn_page")) return;
  const cache = kernel.struct("kprobe_insn_cache");
  const page = kernel.struct("kprobe_insn_page");
  const instructions = page.pointer("insns");
  for (const name of ["kprobe_insn_slots", "kprobe_optinsn_slots"]) {
    if (!kernel.hasSymbol(name)) continue;
    for (const at of page.list(cache.address("pages")(kernel.symbol(name)), "list")) {
      yield { start: instructions(at), end: gva(instructions(at) + PAGE) };
    }
  }
}

/** Pages of thunks that the kernel made for itself where processors need them: `its_pages`. */
function* walkThunks(kernel: KernelReader): Generator<AddressRange> {
  if (!kernel.hasSymbol("its_pages")) return;
  const at = kernel.symbol("its_pages");
  yield* walkPages(kernel, kernel.memory.pointer(at), kernel.memory.u32(at, 8));
}
