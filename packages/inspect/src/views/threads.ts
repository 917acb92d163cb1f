import { getWchan } from "../linux/get-wchan.ts";
import { symbolizer } from "../linux/symbolize.ts";
import { PF_KTHREAD } from "../linux/task-flags.ts";
import { type TaskPolicy, taskPolicy } from "../linux/task-policy.ts";
import { walkThreads } from "../linux/walk-threads.ts";
import { toNumber } from "../to-number.ts";
import { defineView } from "./define-view.ts";
import { walkProcesses } from "./processes.ts";
import { taskNames } from "./task-names.ts";
import { type TaskState, taskState } from "./task-state.ts";

export interface ThreadRow extends TaskPolicy {
  /** Of its process. */
  readonly pid: number;
  readonly tid: number;
  /** As /proc/PID/task/TID/comm shows it. HOSTILE: threads name themselves. */
  readonly name: string;
  readonly state: TaskState;
  readonly kernelThread: boolean;
  /** The processor it runs on or ran on last. */
  readonly cpu: number;
  /** The kernel's function it waits in; null of those that run, and where the stack cannot be followed. */
  readonly wchan: string | null;
  /** Lowest address of its kernel stack; null once that is given back. */
  readonly stack: string | null;
  /** Nanoseconds between boot and the start; exact for the first 104 days. */
  readonly startedNs: number;
  /** Address of its `task_struct`. */
  readonly task: string;
}

/** All threads of all processes, those of one process together: what /proc/PID/task and `ps -eL` show. */
export const threads = defineView({
  id: "threads",
  kind: "ThreadList",
  title: "Threads",
  needs: ["kernelMetadata"],
  read({ kernel }): readonly ThreadRow[] {
    const task = kernel.struct("task_struct");
    const pid = task.number("tgid");
    const tid = task.number("pid");
    const flags = task.number("flags");
    const cpu = task.number("thread_info.cpu", "cpu");
    const stack = task.pointer("stack");
    const started = task.bigint("start_boottime", "real_start_time");
    const name = taskNames(kernel);
    const state = taskState(kernel);
    const scheduling = taskPolicy(kernel);
    const wchan = getWchan(kernel);
    const symbolize = symbolizer(kernel);

    const rows: ThreadRow[] = [];
    kernel.each("task_struct", walkProcesses(kernel), (leader) => {
      kernel.each("task_struct", walkThreads(kernel, leader), (at) => {
        const waitsAt = wchan(at);
        const lowest = stack(at);
        const { policy, nice, realtimePriority } = scheduling(at);
        rows.push({
          pid: pid(at),
          tid: tid(at),
          name: name(at),
          state: state(at),
          kernelThread: (flags(at) & PF_KTHREAD) !== 0,
          cpu: cpu(at),
          wchan: waitsAt === undefined ? null : (symbolize(waitsAt)?.name ?? null),
          stack: lowest === 0n ? null : `0x${lowest.toString(16)}`,
          policy,
          nice,
          realtimePriority,
          startedNs: toNumber(started(at)),
          task: `0x${at.toString(16)}`,
        });
      });
    });
    return rows;
  },
  columns: [
    { key: "pid", title: "PID", align: "right" },
    { key: "tid", title: "TID", align: "right" },
    { key: "state", title: "S" },
    { key: "cpu", title: "CPU", align: "right" },
    { key: "policy", title: "POLICY", text: ({ policy }) => policy ?? "-" },
    { key: "stack", title: "STACK", text: ({ stack }) => stack ?? "-" },
    { key: "wchan", title: "WCHAN", text: ({ wchan }) => wchan ?? "-" },
    {
      key: "name",
      title: "NAME",
      text: ({ name, kernelThread }) => (kernelThread ? `[${name}]` : name),
    },
  ],
});
