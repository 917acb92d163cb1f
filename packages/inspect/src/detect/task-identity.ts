import type { Gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import { toNumber } from "../to-number.ts";

/** Says which task one is, in words that stay the same for as long as it lives. */
export interface TaskIdentity {
  /** Whether it can run (again): one that has ended or is not yet made cannot. */
  isAlive(task: Gva): boolean;
  /** Whether it is being made (`fork`): it is in no list yet, and nothing wakes it. */
  isNew(task: Gva): boolean;
  describe(task: Gva): {
    /** `process 731 started at 1084.55`, in seconds since boot. */
    readonly key: string;
    /** `Process 731 (sshd)`. HOSTILE: processes name themselves. */
    readonly name: string;
  };
}

/** Bits of `task_struct.__state` (include/linux/sched.h): macros, so BTF does not know them. */
const TASK_DEAD = 0x80;
const TASK_NEW = 0x800;
const NANOSECONDS = 1e9;

/** Compiles what tells tasks apart. */
export function taskIdentity(kernel: KernelReader): TaskIdentity {
  const task = kernel.struct("task_struct");
  const state = task.number("__state", "state");
  const isQueued = task.number("on_rq");
  const isRunning = task.has("on_cpu") ? task.number("on_cpu") : () => 0;
  const pid = task.number("pid");
  const tgid = task.number("tgid");
  const comm = task.string("comm");
  const started = task.bigint("start_boottime", "real_start_time");
  return {
    isAlive(at) {
      // What is dead or new is never woken by its state, so no living task can claim to be.
      if ((state(at) & (TASK_DEAD | TASK_NEW)) === 0) return true;
      return isQueued(at) !== 0 || isRunning(at) !== 0;
    },
    isNew: (at) => (state(at) & TASK_NEW) !== 0,
    describe(at) {
      const seconds = (toNumber(started(at)) / NANOSECONDS).toFixed(2);
      const isLeader = pid(at) === tgid(at);
      const what = isLeader ? `process ${pid(at)}` : `thread ${pid(at)} of process ${tgid(at)}`;
      return {
        key: `${what} started at ${seconds}`,
        name: `${what.replace(/^./, (first) => first.toUpperCase())} (${comm(at)})`,
      };
    },
  };
}
