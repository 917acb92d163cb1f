import type { KernelReader } from "../kernel/kernel-reader.ts";
import type { Accessor } from "../kernel/struct-type.ts";

/** The letter that `ps` and /proc/PID/stat show for a task. */
export type TaskState = "R" | "S" | "D" | "T" | "t" | "X" | "Z" | "P" | "I";

/** By the highest bit that is set in `TASK_REPORT`: fs/proc/array.c, `task_state_array`. */
const LETTERS = ["R", "S", "D", "T", "t", "X", "Z", "P"] as const satisfies readonly TaskState[];

// include/linux/sched.h; macros, so BTF does not know them.
const TASK_UNINTERRUPTIBLE = 0x0002;
const TASK_REPORT = 0x007f;
const TASK_IDLE = 0x0402;
const TASK_RTLOCK_WAIT = 0x1000;
const TASK_FROZEN = 0x8000;

/** Reads a task's state letter as /proc does: `task_state_index`. */
export function taskState(kernel: KernelReader): Accessor<TaskState> {
  const task = kernel.struct("task_struct");
  const state = task.number("__state", "state");
  const exitState = task.number("exit_state");
  // In kernels that call the member `state` these two bits mean something else.
  const disguised = task.has("__state") ? TASK_RTLOCK_WAIT | TASK_FROZEN : 0;
  return (at) => {
    const running = state(at);
    if ((running & TASK_IDLE) === TASK_IDLE) return "I";
    const reported =
      (running & disguised) === 0 ? (running | exitState(at)) & TASK_REPORT : TASK_UNINTERRUPTIBLE;
    return LETTERS[32 - Math.clz32(reported)] ?? "R";
  };
}
