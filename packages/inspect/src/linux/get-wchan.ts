import { type Gva, gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import type { Accessor } from "../kernel/struct-type.ts";
import { orcUnwinder } from "./orc-unwind.ts";

/**
 * Reads where in the kernel a task waits, as an address: `get_wchan`, the innermost function on its stack
 * that is not the scheduler's own; `undefined` of tasks that run, and where the kernel carries no
 * unwinding tables.
 */
export function getWchan(kernel: KernelReader): Accessor<Gva | undefined> {
  const unwind = orcUnwinder(kernel);
  const isScheduler = schedulerText(kernel);
  if (unwind === undefined) return () => undefined;
  const state = kernel.struct("task_struct").number("__state", "state");
  return (task) => {
    if (state(task) === 0) return undefined; // TASK_RUNNING: its stack changes
    for (const address of unwind(task)) if (!isScheduler(address)) return address;
    return undefined;
  };
}

/** `in_sched_functions`. */
function schedulerText(kernel: KernelReader): (address: Gva) => boolean {
  const ranges = ["sched", "lock"].flatMap((section) => {
    const [start, end] = [`__${section}_text_start`, `__${section}_text_end`] as const;
    if (!kernel.hasSymbol(start) || !kernel.hasSymbol(end)) return [];
    return [{ start: gva(kernel.symbol(start)), end: gva(kernel.symbol(end)) }];
  });
  return (address) => ranges.some(({ start, end }) => address >= start && address < end);
}
