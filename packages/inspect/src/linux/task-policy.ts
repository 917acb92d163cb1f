import type { KernelReader } from "../kernel/kernel-reader.ts";
import type { Accessor } from "../kernel/struct-type.ts";

/** How a task is scheduled: sched(7). */
export type SchedulingPolicy =
  | "normal"
  | "fifo"
  | "rr"
  | "batch"
  | "iso"
  | "idle"
  | "deadline"
  | "ext";

/** By number (include/uapi/linux/sched.h); macros, so BTF does not know them. */
const POLICIES = [
  "normal",
  "fifo",
  "rr",
  "batch",
  "iso",
  "idle",
  "deadline",
  "ext",
] as const satisfies readonly SchedulingPolicy[];

/** `DEFAULT_PRIO` (include/linux/sched/prio.h): the static priority of a nice value of 0. */
const DEFAULT_PRIORITY = 120;

export interface TaskPolicy {
  /** Null where the number stands for none that is known. */
  readonly policy: SchedulingPolicy | null;
  /** From -20 to 19. */
  readonly nice: number;
  /** From 1 to 99 for `fifo` and `rr`; 0 for the others. */
  readonly realtimePriority: number;
}

/** Reads how a task is scheduled. */
export function taskPolicy(kernel: KernelReader): Accessor<TaskPolicy> {
  const task = kernel.struct("task_struct");
  const policy = task.number("policy");
  const priority = task.number("static_prio");
  const realtime = task.number("rt_priority");
  return (at) => ({
    policy: POLICIES[policy(at)] ?? null,
    nice: priority(at) - DEFAULT_PRIORITY,
    realtimePriority: realtime(at),
  });
}
