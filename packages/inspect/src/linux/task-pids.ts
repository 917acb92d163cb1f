import type { Gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import type { Accessor } from "../kernel/struct-type.ts";

/** A task's numbers besides its own. */
export interface TaskPids {
  /** Its number in each PID namespace from the initial one to its own: `NSpid` of /proc/PID/status. */
  readonly namespacePids: readonly number[];
  readonly processGroup: number;
  readonly session: number;
}

/** `MAX_PID_NS_LEVEL` (include/linux/pid_namespace.h). */
const MAX_LEVEL = 32;

/** Reads a task's numbers (include/linux/pid.h). */
export function taskPids(kernel: KernelReader): Accessor<TaskPids> {
  const task = kernel.struct("task_struct");
  const own = task.pointer("thread_pid");
  const group = task.pointer(`signal->pids[${kernel.constant("PIDTYPE_PGID") ?? 2}]`);
  const session = task.pointer(`signal->pids[${kernel.constant("PIDTYPE_SID") ?? 3}]`);
  const pid = kernel.struct("pid");
  const level = pid.number("level");
  const numbers = pid.address("numbers");
  const upid = kernel.struct("upid");
  const nr = upid.number("nr");
  const first = (at: Gva) => (at === 0n ? 0 : nr(numbers(at)));
  const all = (at: Gva) => {
    if (at === 0n) return [];
    const base = numbers(at);
    const depth = level(at);
    if (depth === 0) return [nr(base)];
    // HOSTILE: the guest says how deep it nests.
    const length = Math.min(depth, MAX_LEVEL) + 1;
    return Array.from({ length }, (_, i) => nr(upid.element(base, i)));
  };
  return (at) => ({
    namespacePids: all(own(at)),
    processGroup: first(group(at)),
    session: first(session(at)),
  });
}
