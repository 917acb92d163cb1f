import { type Gva, gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";

/** How to get from one frame of the stack to the one before: `struct orc_entry`, as far as it is followed. */
interface OrcRule {
  readonly stackBase: "sp" | "bp";
  readonly stackOffset: number;
  /** Where the caller's `bp` is, from the caller's stack pointer; `undefined` where it did not change. */
  readonly bpOffset: number | undefined;
}

/**
 * Numbers of registers in ORC entries (arch/x86/include/asm/orc_types.h): macros, so BTF does not know
 * them. 7.x counts anew.
 */
const NUMBERINGS = [
  { sp: 5, bp: 4, previousSp: 1 },
  { sp: 3, bp: 4, previousSp: 8 },
] as const;
const UNDEFINED = 0;

const MAX_ENTRIES = 8 * 1024 * 1024;
const MAX_FRAMES = 64;
const WORD = 8n;
/** arch/x86/include/asm/page_64_types.h; twice that with KASAN. */
const THREAD_SIZE = 16n * 1024n;

/**
 * Walks the return addresses on the kernel stack of a task that does not run, the innermost first, by the
 * kernel's own unwinding tables: `unwind_next_frame` (arch/x86/kernel/unwind_orc.c). It ends where an
 * interrupt, a module or anything else comes that these tables do not tell of.
 *
 * `undefined` where the kernel has no such tables. Make one for each look: it remembers what it looked up.
 */
export function orcUnwinder(kernel: KernelReader): ((task: Gva) => Generator<Gva>) | undefined {
  const symbols = ["__start_orc_unwind_ip", "__stop_orc_unwind_ip", "__start_orc_unwind"];
  if (!kernel.hasStruct("orc_entry") || !symbols.every((name) => kernel.hasSymbol(name))) {
    return undefined;
  }
  const task = kernel.struct("task_struct");
  const stackOf = task.pointer("stack");
  const stackPointer = task.pointer("thread.sp");
  const frame = kernel.struct("inactive_task_frame");
  const frameBp = frame.bigint("bp");
  const frameReturn = frame.pointer("ret_addr");
  const stackSize = kernel.hasSymbol("kasan_report") ? 2n * THREAD_SIZE : THREAD_SIZE;
  const find = orcFinder(kernel);

  return function* unwind(at) {
    const low: bigint = stackOf(at);
    const high = low + stackSize;
    const isOnStack = (address: bigint) => address >= low && address <= high - WORD;
    const start = stackPointer(at);
    if (!isOnStack(start)) return;
    let sp: bigint = start + BigInt(frame.size);
    let bp = frameBp(start);
    let ip = frameReturn(start);
    for (let depth = 0; depth < MAX_FRAMES; depth += 1) {
      kernel.budget.step();
      yield ip;
      // A call may be the last instruction of a function: the address before says which one it is.
      const rule = find(gva(ip - 1n));
      if (rule === undefined) return;
      const previous = (rule.stackBase === "sp" ? sp : bp) + BigInt(rule.stackOffset);
      // HOSTILE: each frame must lie above the one before.
      if (previous <= sp - WORD || !isOnStack(previous - WORD)) return;
      ip = kernel.memory.pointer(gva(previous - WORD));
      if (rule.bpOffset !== undefined) {
        const saved = previous + BigInt(rule.bpOffset);
        if (!isOnStack(saved)) return;
        bp = kernel.memory.u64(gva(saved));
      }
      sp = previous;
    }
  };
}

/** `orc_find` for the kernel image. */
function orcFinder(kernel: KernelReader): (ip: Gva) => OrcRule | undefined {
  const { memory } = kernel;
  const ips = kernel.symbol("__start_orc_unwind_ip");
  const rules = kernel.symbol("__start_orc_unwind");
  const length = Number(kernel.symbol("__stop_orc_unwind_ip") - ips) / 4;
  const count = Math.min(Math.max(Math.floor(length), 0), MAX_ENTRIES);
  const entry = kernel.struct("orc_entry");
  // Each entry holds its address relative to itself.
  const ipOf = (index: number) => {
    const offset = index * 4;
    return ips + BigInt(offset + (memory.u32(ips, offset) | 0));
  };
  const find = (ip: Gva): Gva | undefined => {
    let low = 0;
    let high = count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (ipOf(middle) <= ip) low = middle + 1;
      else high = middle;
    }
    return low === 0 ? undefined : entry.element(rules, low - 1);
  };
  const readRule = orcReader(kernel, find(kernel.symbol("schedule")));
  const known = new Map<Gva, OrcRule | undefined>();
  return (ip) => {
    if (known.has(ip)) return known.get(ip);
    const found = kernel.symbolAt(ip) === undefined ? undefined : find(ip);
    const rule = found === undefined ? undefined : readRule(found);
    known.set(ip, rule);
    return rule;
  };
}

/**
 * Reads ORC entries. What their numbers mean is learned from `example`, an entry for the first instruction
 * of a function: there the caller's frame begins right above the return address, which `sp` points to.
 */
function orcReader(
  kernel: KernelReader,
  example: Gva | undefined,
): (at: Gva) => OrcRule | undefined {
  const entry = kernel.struct("orc_entry");
  const spOffset = entry.number("sp_offset");
  const bpOffset = entry.number("bp_offset");
  const spRegister = entry.number("sp_reg");
  const bpRegister = entry.number("bp_reg");
  const type = entry.number("type");
  const sp = example === undefined ? UNDEFINED : spRegister(example);
  const numbers = NUMBERINGS.find((each) => each.sp === sp);
  if (example === undefined || numbers === undefined) return () => undefined;
  // `ORC_TYPE_CALL`: what comes from interrupts and exceptions is not followed.
  const call = type(example);
  return (at) => {
    if (type(at) !== call) return undefined;
    const base = spRegister(at);
    if (base !== numbers.sp && base !== numbers.bp) return undefined;
    const saved = bpRegister(at);
    if (saved !== UNDEFINED && saved !== numbers.previousSp) return undefined;
    return {
      stackBase: base === numbers.sp ? "sp" : "bp",
      stackOffset: spOffset(at),
      bpOffset: saved === UNDEFINED ? undefined : bpOffset(at),
    };
  };
}
