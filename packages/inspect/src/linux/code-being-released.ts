import { type Gva, gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import { walkProcesses } from "../views/processes.ts";
import { walkThreads } from "./walk-threads.ts";

/** Functions that take code off its lists first, then wait (`synchronize_rcu`), then give its memory back. */
const RELEASING = new Set([
  "load_module",
  "free_module",
  "do_free_init",
  "kprobe_optimizer",
  "bpf_prog_put_deferred",
  "bpf_prog_free_deferred",
  "ftrace_shutdown",
]);
/** `THREAD_SIZE` (arch/x86/include/asm/page_64_types.h) without KASAN. */
const STACK_BYTES = 16 * 1024;
/** Words of a stack that are looked up cost a step each so many. */
const WORDS_PER_STEP = 64;

/**
 * The function that a task is in which gives memory of code back, by the return addresses on the stacks of all
 * tasks; `undefined` where none is. While one is, memory may belong to nothing by right.
 */
export function codeBeingReleased(kernel: KernelReader): string | undefined {
  const task = kernel.struct("task_struct");
  const threads = task.number("signal->nr_threads");
  const search = stackSearch(kernel);
  for (const leader of kernel.attemptWalk(walkProcesses(kernel), "list of tasks")) {
    const group = kernel.attempt(() => threads(leader), "task_struct", leader) ?? 1;
    const walk = group > 1 ? walkThreads(kernel, leader) : [leader];
    for (const each of kernel.attemptWalk(walk, "threads of task_struct", leader)) {
      const found = kernel.attempt(() => search(each), "stack of task_struct", each);
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

function stackSearch(kernel: KernelReader): (task: Gva) => string | undefined {
  const type = kernel.struct("task_struct");
  const stack = type.pointer("stack");
  const top = type.pointer("thread.sp");
  const isRunning = type.has("on_cpu") ? type.number("on_cpu") : () => 0;
  const names = new Map<bigint, string | undefined>();
  const nameOf = (address: bigint) => {
    if (!names.has(address)) names.set(address, kernel.symbolAt(gva(address))?.name);
    return names.get(address);
  };
  return (task) => {
    const base = stack(task);
    if (base === 0n) return undefined; // It has ended.
    const end = base + BigInt(STACK_BYTES);
    const saved = top(task);
    // Of one that runs it is not known how far its stack goes.
    const start = isRunning(task) === 0 && saved >= base && saved < end ? saved : base;
    const length = Number(end - start) & ~7;
    kernel.budget.step(Math.ceil(length / 8 / WORDS_PER_STEP));
    const words = new BigUint64Array(kernel.memory.bytes(gva(start), length).buffer);
    for (const word of words) {
      // Parts that a compiler split off have more after a dot.
      const name = nameOf(word)?.split(".")[0];
      if (name !== undefined && RELEASING.has(name)) return name;
    }
    return undefined;
  };
}
