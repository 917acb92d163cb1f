import { formatBytes, type Gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import { mmRss } from "../linux/mm-rss.ts";
import { type CgroupMembership, taskCgroups } from "../linux/task-cgroups.ts";
import { type Credentials, taskCred } from "../linux/task-cred.ts";
import { taskExecutable } from "../linux/task-executable.ts";
import { PF_KTHREAD } from "../linux/task-flags.ts";
import { type Namespaces, taskNamespaces } from "../linux/task-namespaces.ts";
import { type TaskPids, taskPids } from "../linux/task-pids.ts";
import { type TaskPolicy, taskPolicy } from "../linux/task-policy.ts";
import { type SeccompMode, taskSeccomp } from "../linux/task-seccomp.ts";
import { taskTerminal } from "../linux/task-terminal.ts";
import { threadGroupCputime } from "../linux/thread-group-cputime.ts";
import { walkThreads } from "../linux/walk-threads.ts";
import { toNumber } from "../to-number.ts";
import { defineView } from "./define-view.ts";
import { isoTime } from "./iso-time.ts";
import { readKernelTime } from "./kernel-time.ts";
import { taskNames } from "./task-names.ts";
import { type TaskState, taskState } from "./task-state.ts";

export interface ProcessRow extends TaskPids, TaskPolicy {
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
  /** Path of the file it runs, from the guest's root; null of kernel threads and of what has ended. HOSTILE. */
  readonly executable: string | null;
  /** Its controlling terminal: `pts/0`. */
  readonly terminal: string | null;
  readonly credentials: Credentials;
  /** Null where the kernel has no seccomp. */
  readonly seccomp: SeccompMode | null;
  readonly noNewPrivileges: boolean;
  /** One for each hierarchy: the lines of /proc/PID/cgroup. */
  readonly cgroups: readonly CgroupMembership[];
  readonly namespaces: Namespaces;
  /** Processor time of all its threads; exact for the first 104 days. */
  readonly userTimeNs: number;
  readonly systemTimeNs: number;
  /** Of its address space; 0 of kernel threads. */
  readonly virtualBytes: number;
  /** In RAM, as /proc/PID/smaps_rollup counts. */
  readonly residentBytes: number;
  /** Address of its `task_struct`. */
  readonly task: string;
}

/** `PFA_NO_NEW_PRIVS`, a bit of `atomic_flags`. */
const PFA_NO_NEW_PRIVS = 1;
const PAGE = 4096;

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
    const flags = task.number("flags");
    const threads = task.number("signal->nr_threads");
    const started = task.bigint("start_boottime", "real_start_time");
    const state = taskState(kernel);
    const name = taskNames(kernel);
    const credentialsOf = taskCred(kernel);
    const pids = taskPids(kernel);
    const scheduling = taskPolicy(kernel);
    const executable = taskExecutable(kernel);
    const terminal = taskTerminal(kernel);
    const seccomp = taskSeccomp(kernel);
    const atomicFlags = task.number("atomic_flags");
    const cgroups = taskCgroups(kernel);
    const namespaces = taskNamespaces(kernel);
    const cpuTime = threadGroupCputime(kernel);
    const mm = task.pointer("mm");
    const virtualPages = kernel.struct("mm_struct").number("total_vm");
    const residentPages = mmRss(kernel);
    const { boottime, realtime } = readKernelTime(kernel);
    const booted = realtime - boottime;

    const rows: ProcessRow[] = [];
    kernel.each("task_struct", walkProcesses(kernel), (at) => {
      const startedNs = started(at);
      const threadCount = threads(at);
      const group = threadCount > 1 ? [...walkThreads(kernel, at)] : [at];
      const { user, system } = cpuTime(at, group);
      const space = mm(at);
      const credentials = credentialsOf(at);
      const { namespacePids, processGroup, session } = pids(at);
      const { policy, nice, realtimePriority } = scheduling(at);
      rows.push({
        pid: pid(at),
        ppid: ppid(at),
        uid: credentials.uid,
        euid: credentials.euid,
        name: name(at),
        state: state(at),
        threads: threadCount,
        kernelThread: (flags(at) & PF_KTHREAD) !== 0,
        startedNs: toNumber(startedNs),
        startedAt: isoTime(booted + startedNs),
        executable: executable(at),
        terminal: terminal(at),
        namespacePids,
        processGroup,
        session,
        credentials,
        seccomp: seccomp(at),
        noNewPrivileges: (atomicFlags(at) & PFA_NO_NEW_PRIVS) !== 0,
        cgroups: cgroups(at),
        namespaces: namespaces(at),
        policy,
        nice,
        realtimePriority,
        userTimeNs: toNumber(user),
        systemTimeNs: toNumber(system),
        virtualBytes: space === 0n ? 0 : virtualPages(space) * PAGE,
        residentBytes: space === 0n ? 0 : residentPages(space, group) * PAGE,
        task: `0x${at.toString(16)}`,
      });
    });
    return rows;
  },
  columns: [
    { key: "pid", title: "PID", align: "right" },
    { key: "ppid", title: "PPID", align: "right" },
    { key: "uid", title: "UID", align: "right" },
    { key: "euid", title: "EUID", align: "right" },
    { key: "state", title: "S" },
    { key: "threads", title: "THREADS", align: "right" },
    {
      key: "residentBytes",
      title: "RESIDENT",
      align: "right",
      text: ({ residentBytes }) => (residentBytes === 0 ? "-" : formatBytes(residentBytes)),
    },
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
