import { CasemateError, formatAddress, type Gva, gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import { TaskPlace, takeTaskCensus } from "../linux/task-census.ts";
import { taskCred } from "../linux/task-cred.ts";
import { taskExecutable } from "../linux/task-executable.ts";
import { PF_EXITING, PF_KTHREAD } from "../linux/task-flags.ts";
import { brokenLinks, type ListPlace } from "../linux/task-links.ts";
import { toNumber } from "../to-number.ts";
import { defineView, type ViewArgument } from "./define-view.ts";
import { pidArgument } from "./pid-argument.ts";
import { taskNames } from "./task-names.ts";
import { type TaskState, taskState } from "./task-state.ts";

/** 8 bytes that must be as they were, but for what `mask` leaves out; all in hexadecimal. */
export interface MemoryGuard {
  readonly address: string;
  readonly mask: string;
  readonly value: string;
}

/** What it takes to have the kernel send a process a signal: addresses in hexadecimal. */
export interface SignalPath {
  /** A function without parameters that each processor calls at the end of an interrupt: `irq_exit_rcu`. */
  readonly before: string;
  /** `send_sig(int, struct task_struct *, int)`. */
  readonly send: string;
  /** The `task_struct` it is sent to: a thread that lives. */
  readonly to: string;
  /** What is so as long as the task is this one and lives. */
  readonly identity: readonly MemoryGuard[];
  /** What is so while nobody changes the lists to mend. */
  readonly idle: readonly MemoryGuard[];
  /** Lists that it must be on again before it may end: whoever hid it took it off. */
  readonly mend: readonly {
    readonly kind: ListPlace["kind"];
    readonly node: string;
    readonly head: string;
  }[];
}

export interface SignalTargetRow {
  readonly pid: number;
  /** Seconds between boot and its start, as findings name it: `1084.55`. */
  readonly started: string;
  readonly ppid: number;
  readonly uid: number;
  /** HOSTILE: processes name themselves. */
  readonly name: string;
  /** HOSTILE. */
  readonly executable: string | null;
  /** The states of its threads, its own first. */
  readonly states: readonly TaskState[];
  readonly kernelThread: boolean;
  /** Where the kernel should have it and has not: `the list of tasks`. */
  readonly hiddenFrom: readonly string[];
  /** Address of its `task_struct`. */
  readonly task: string;
  /** Null where it cannot be done; `obstacle` says why. */
  readonly path: SignalPath | null;
  readonly obstacle: string | null;
}

/** A process by number, and by its start where that is known. */
export interface ProcessName {
  readonly pid: number;
  readonly started: string | undefined;
}

/** Readers and writers of a `rwlock_t` that keep others away (include/asm-generic/qrwlock.h: `_QW_WMASK`). */
const QW_WMASK = 0x1ffn;
const INT = 0xffff_ffffn;
const ALL = 0xffff_ffff_ffff_ffffn;
const NANOSECONDS = 1e9;
/** HOSTILE: a guest whose process has more threads is not helped. */
const MAX_THREADS = 4_096;
const MAX_MENDED = 256;

const processArgument: ViewArgument<ProcessName> = {
  name: "PID[@STARTED]",
  description: "the process id, as the guest counts, and when it started, in seconds since boot",
  required: true,
  parse(text) {
    const [pid = "", started, ...others] = text.split("@");
    const fits = started === undefined || /^\d{1,12}\.\d\d$/.test(started);
    if (fits && others.length === 0) return { pid: pidArgument.parse(pid), started };
    throw new CasemateError(
      "usage",
      `Cannot look for process ${text}: expected a number, or one with a start, as 731@1084.55.`,
    );
  },
};

/**
 * One process and the way to send it a signal from outside; found by all the places where the kernel keeps
 * tasks. It is none of the views that people choose from: what acts on processes reads it.
 */
export const signalTarget = defineView({
  id: "signal-target",
  kind: "SignalTarget",
  title: "Target of a signal",
  needs: ["kernelMetadata"],
  argument: processArgument,
  read({ kernel }, _budget, argument): readonly SignalTargetRow[] {
    const task = kernel.struct("task_struct");
    const pid = task.number("pid");
    const flags = task.number("flags");
    const leaderOf = task.pointer("group_leader");
    const start = task.bigint("start_boottime", "real_start_time");
    const started = (at: Gva) => (toNumber(start(at)) / NANOSECONDS).toFixed(2);
    const exitState = task.number("exit_state");
    const census = takeTaskCensus(kernel);

    const isIt = (at: Gva) =>
      pid(at) === argument.pid &&
      leaderOf(at) === at &&
      (argument.started === undefined || started(at) === argument.started);
    const found = [...census.places.keys()].filter(
      (at) => !census.idle.has(at) && kernel.attempt(() => isIt(at), "task_struct", at) === true,
    );
    const [leader, other] = found;
    if (leader === undefined) throw notFound(argument);
    if (other !== undefined) throw notFound(argument, "several of this number");

    const threads = [...census.places.keys()].filter(
      (at) =>
        at === leader || kernel.attempt(() => leaderOf(at) === leader, "task_struct", at) === true,
    );
    const tasks = [leader, ...threads.filter((at) => at !== leader)].slice(0, MAX_THREADS);
    const state = taskState(kernel);
    const lives = (at: Gva) => exitState(at) === 0 && (flags(at) & PF_EXITING) === 0;
    const to = tasks.find(lives);
    const kernelThread = (flags(leader) & PF_KTHREAD) !== 0;
    const path = to === undefined ? "it has ended already" : pathTo(kernel, leader, tasks, to);
    return [
      {
        pid: argument.pid,
        started: started(leader),
        ppid: task.number("real_parent->tgid")(leader),
        uid: taskCred(kernel)(leader).uid,
        name: taskNames(kernel)(leader),
        executable: taskExecutable(kernel)(leader),
        states: tasks.map(state),
        kernelThread,
        hiddenFrom: hiddenFrom(census.complete & ~(census.places.get(leader) ?? 0)),
        task: formatAddress(leader),
        path: typeof path === "string" ? null : path,
        obstacle: typeof path === "string" ? path : null,
      },
    ];
  },
  columns: [
    { key: "pid", title: "PID", align: "right" },
    { key: "started", title: "STARTED", align: "right" },
    { key: "name", title: "NAME" },
    { key: "task", title: "TASK" },
  ],
});

function hiddenFrom(missing: number): readonly string[] {
  const names: readonly (readonly [number, string])[] = [
    [TaskPlace.list, "the list of tasks"],
    [TaskPlace.pids, "the pid table"],
    [TaskPlace.cgroups, "the lists of control groups"],
  ];
  return names.flatMap(([place, name]) => ((missing & place) === 0 ? [] : [name]));
}

/** The way to `to`, or why there is none. */
function pathTo(
  kernel: KernelReader,
  leader: Gva,
  tasks: readonly Gva[],
  to: Gva,
): SignalPath | string {
  // There a task's signals are under a lock that sleeps, which nothing may take in an interrupt.
  if (kernel.hasSymbol("rt_spin_lock")) return "its kernel is a PREEMPT_RT one";
  for (const name of ["irq_exit_rcu", "send_sig"]) {
    if (!kernel.hasSymbol(name)) return `its kernel has no ${name}`;
  }
  const broken = brokenLinks(kernel, leader, tasks);
  if (broken.length > MAX_MENDED) return `${broken.length} of its places in lists are broken`;
  const task = kernel.struct("task_struct");
  const start = task.offset("start_boottime", "real_start_time");
  const same = (address: Gva, mask: bigint, value: bigint) => ({
    ...{ address: formatAddress(address), mask: hex(mask), value: hex(value) },
  });
  const member = (at: Gva, offset: number, mask: bigint) => {
    const address = gva(at + BigInt(offset));
    return same(address, mask, kernel.memory.u64(address) & mask);
  };
  const locks = new Set(broken.map(({ lock }) => lock));
  return {
    before: formatAddress(kernel.symbol("irq_exit_rcu")),
    send: formatAddress(kernel.symbol("send_sig")),
    to: formatAddress(to),
    identity: [
      member(to, task.offset("pid"), INT),
      member(to, task.offset("tgid"), INT),
      member(to, start, ALL),
      member(to, task.offset("group_leader"), ALL),
      member(to, task.offset("exit_state"), INT),
      member(to, task.offset("flags"), BigInt(PF_EXITING)),
    ],
    idle: [...locks].map((lock) =>
      same(kernel.symbol(lock), lock === "tasklist_lock" ? QW_WMASK : INT, 0n),
    ),
    mend: broken.map(({ kind, node, head }) => ({
      ...{ kind, node: formatAddress(node), head: formatAddress(head) },
    })),
  };
}

function notFound({ pid, started }: ProcessName, seen = "none of this number"): CasemateError {
  const which = started === undefined ? `${pid}` : `${pid} started at ${started}`;
  return new CasemateError(
    "inspect/not-found",
    `Cannot find process ${which}: the guest has ${seen}, expected one that runs.`,
  );
}

function hex(value: bigint): string {
  return `0x${value.toString(16)}`;
}
