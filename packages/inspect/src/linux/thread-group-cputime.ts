import type { Gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";

/** Time that processors spent on a process, in nanoseconds. */
export interface CpuTime {
  readonly user: bigint;
  readonly system: bigint;
}

/**
 * Reads what /proc/PID/stat says of processor time (`thread_group_cputime_adjusted`): that of all threads,
 * those that have ended among them. What a thread has run since the last tick is not in it.
 */
export function threadGroupCputime(
  kernel: KernelReader,
): (leader: Gva, threads: readonly Gva[]) => CpuTime {
  const task = kernel.struct("task_struct");
  const utime = task.bigint("utime");
  const stime = task.bigint("stime");
  const runtime = task.bigint("se.sum_exec_runtime");
  const signalOf = task.pointer("signal");
  const signal = kernel.struct("signal_struct");
  const endedUser = signal.bigint("utime");
  const endedSystem = signal.bigint("stime");
  const endedRuntime = signal.bigint("sum_sched_runtime");
  const shownUser = signal.bigint("prev_cputime.utime");
  const shownSystem = signal.bigint("prev_cputime.stime");
  return (leader, threads) => {
    const at = signalOf(leader);
    let user = endedUser(at);
    let system = endedSystem(at);
    let total = endedRuntime(at);
    for (const thread of threads) {
      user += utime(thread);
      system += stime(thread);
      total += runtime(thread);
    }
    return adjust({ user, system }, total, { user: shownUser(at), system: shownSystem(at) });
  };
}

/**
 * `cputime_adjust` (kernel/sched/cputime.c): ticks say how the time that the scheduler measured exactly
 * divides up, and what was shown once never goes back.
 */
function adjust(ticks: CpuTime, total: bigint, shown: CpuTime): CpuTime {
  if (shown.user + shown.system >= total) return shown;
  let system: bigint;
  if (ticks.system === 0n) system = 0n;
  else if (ticks.user === 0n) system = total;
  else system = (ticks.system * total) / (ticks.system + ticks.user);
  if (system < shown.system) system = shown.system;
  const user = total - system;
  return user < shown.user ? { user: shown.user, system: total - shown.user } : { user, system };
}
