import type { Gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import { defineView } from "./define-view.ts";
import { isoTime } from "./iso-time.ts";
import { readKernelTime } from "./kernel-time.ts";
import { taskNames } from "./task-names.ts";
import { type TaskState, taskState } from "./task-state.ts";

export interface ProcessRow {
  readonly pid: number;
  readonly ppid: number;
  /** Real and effective user, as the initial user namespace counts. */
  readonly uid: number;
  readonly euid: number;
  /** As `ps` and /proc/PID/comm show it. HOSTILE: processes name themselves. */
  readonly name: string;
  readonly state: TaskState;
  readonly threads: number;
  readonly kernelThread: boolean;
  /** Nanoseconds between boot and the start; exact for the first 104 days. */
  readonly startedNs: number;
  /** ISO 8601, by the guest's own clock. */
  readonly startedAt: string;
  /** Address of its `task_struct`. */
  readonly task: string;
}

/** `PF_KTHREAD` (include/linux/sched.h): a macro, so BTF does not know it. */
const PF_KTHREAD = 0x0020_0000;

/** Every process but the idle one: what `ps -e` shows. */
export const processes = defineView({
  id: "processes",
  kind: "ProcessList",
  title: "Processes",
  needs: ["kernelMetadata"],
  read({ kernel }): readonly ProcessRow[] {
    const task = kernel.struct("task_struct");
    const pid = task.number("tgid");
    const ppid = task.number("real_parent->tgid");
    // Objective credentials, as /proc shows them (`__task_cred`).
    const uid = task.number("real_cred->uid");
    const euid = task.number("real_cred->euid");
    const flags = task.number("flags");
    const threads = task.number("signal->nr_threads");
    const started = task.bigint("start_boottime", "real_start_time");
    const state = taskState(kernel);
    const name = taskNames(kernel);
    const { boottime, realtime } = readKernelTime(kernel);
    const booted = realtime - boottime;

    const rows: ProcessRow[] = [];
    for (const at of walkProcesses(kernel)) {
      const startedNs = started(at);
      rows.push({
        pid: pid(at),
        ppid: ppid(at),
        uid: uid(at),
        euid: euid(at),
        name: name(at),
        state: state(at),
        threads: threads(at),
        kernelThread: (flags(at) & PF_KTHREAD) !== 0,
        startedNs: Number(startedNs),
        startedAt: isoTime(booted + startedNs),
        task: `0x${at.toString(16)}`,
      });
    }
    return rows;
  },
  columns: [
    { key: "pid", title: "PID", align: "right" },
    { key: "ppid", title: "PPID", align: "right" },
    { key: "uid", title: "UID", align: "right" },
    { key: "euid", title: "EUID", align: "right" },
    { key: "state", title: "S" },
    { key: "threads", title: "THREADS", align: "right" },
    { key: "startedAt", title: "STARTED" },
    {
      key: "name",
      title: "NAME",
      text: ({ name, kernelThread }) => (kernelThread ? `[${name}]` : name),
    },
  ],
});

/** Thread-group leaders, the idle task left out: `for_each_process`. */
export function walkProcesses(kernel: KernelReader): Generator<Gva> {
  const task = kernel.struct("task_struct");
  return task.list(task.address("tasks")(kernel.symbol("init_task")), "tasks");
}
