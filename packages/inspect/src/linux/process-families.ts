import type { Gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import { toNumber } from "../to-number.ts";
import { type TaskCensus, TaskPlace, takeTaskCensus } from "./task-census.ts";

/** A process and what descends from it, as a look knows them from looks before. */
export interface ProcessFamily {
  /** Its processes as of the last look, each `731@1084.55`; at first the one that it goes by. */
  readonly members: readonly string[];
  /** Since when it is followed, in seconds since the guest's boot. */
  readonly since: number;
  /** Control groups (`struct cgroup`) that its processes have been in since. */
  readonly groups: readonly Gva[];
}

/** What a look found of a family. */
export interface FamilyFound {
  /** By `task_struct` of the leader; the name of each as in `ProcessFamily`. */
  readonly members: ReadonlyMap<Gva, string>;
  /** The groups it has been in, those of before among them. */
  readonly groups: readonly Gva[];
}

/** All families, and every task of the guest by the process it is of. */
export interface FamiliesFound {
  readonly families: readonly FamilyFound[];
  /** Threads of each process, by leader; hidden processes too. */
  readonly processes: ReadonlyMap<Gva, readonly Gva[]>;
  /** Whether nobody can be missing: each list that has all that live was read as a whole. */
  readonly whole: boolean;
}

interface Process {
  readonly at: Gva;
  readonly name: string;
  readonly started: number;
  readonly parent: Gva;
  readonly group: Gva;
}

/** `SIGNAL_UNKILLABLE` (include/linux/sched/signal.h), a macro: the first process of a PID namespace. */
const SIGNAL_UNKILLABLE = 0x40;
const NANOSECONDS = 1e9;
const EVERYWHERE = TaskPlace.list | TaskPlace.pids | TaskPlace.cgroups;

/**
 * Finds families of processes: who they were at the last look, whoever these started, and what may be theirs.
 *
 * A child whose parent has ended is a reaper's, and one made with `CLONE_PARENT` is its parent's parent's: who
 * made it is written nowhere. So whoever came to be since the family is followed, in a control group of the
 * family's, as a child of a reaper or of a member's parent, counts as the family's.
 */
export function findFamilies(
  kernel: KernelReader,
  families: readonly ProcessFamily[],
): FamiliesFound {
  const census = takeTaskCensus(kernel);
  const { processes, alive } = readProcesses(kernel, census);
  const isReaper = reapers(kernel);
  const known = [...alive.values()];
  const found = families.map(({ members: before, since, groups: formerly }): FamilyFound => {
    const names = new Set(before);
    const groups = new Set(formerly);
    const members = new Map<Gva, string>();
    const adopters = new Set<Gva>();
    const join = ({ at, name, parent, group }: Process) => {
      members.set(at, name);
      if (group !== 0n) groups.add(group);
      adopters.add(parent);
    };
    for (const process of known) if (names.has(process.name)) join(process);
    const mayBeIts = ({ started, parent, group }: Process) =>
      started >= since &&
      (groups.size === 0 || groups.has(group)) &&
      (adopters.has(parent) ||
        kernel.attempt(() => isReaper(parent), "task_struct", parent) !== false);
    // Each round finds the children of those of the round before.
    for (let size = -1; size !== members.size; ) {
      size = members.size;
      for (const process of known) {
        kernel.budget.step();
        if (members.has(process.at)) continue;
        if (members.has(process.parent) || mayBeIts(process)) join(process);
      }
    }
    return { members, groups: [...groups] };
  });
  return { families: found, processes, whole: (census.complete & EVERYWHERE) === EVERYWHERE };
}

/** The threads of all processes, and of those that live what tells their family. */
function readProcesses(kernel: KernelReader, { places, idle }: TaskCensus) {
  const task = kernel.struct("task_struct");
  const leaderOf = task.pointer("group_leader");
  const exitState = task.number("exit_state");
  const processes = new Map<Gva, Gva[]>();
  const living = new Set<Gva>();
  for (const at of places.keys()) {
    if (idle.has(at)) continue;
    const note = () => {
      const leader = leaderOf(at);
      const threads = processes.get(leader);
      if (threads === undefined) processes.set(leader, [at]);
      else threads.push(at);
      if (exitState(at) === 0) living.add(leader);
    };
    kernel.attempt(note, "task_struct", at);
  }
  const describe = processReader(kernel);
  const alive = new Map<Gva, Process>();
  kernel.each("task_struct", living, (leader) => void alive.set(leader, describe(leader)));
  return { processes, alive };
}

function processReader(kernel: KernelReader): (leader: Gva) => Process {
  const task = kernel.struct("task_struct");
  const pid = task.number("tgid");
  const start = task.bigint("start_boottime", "real_start_time");
  const parent = task.pointer("real_parent->group_leader");
  const group = task.has("cgroups") ? task.pointer("cgroups->dfl_cgrp") : undefined;
  return (at) => {
    const started = toNumber(start(at)) / NANOSECONDS;
    const name = `${pid(at)}@${started.toFixed(2)}`;
    return { at, name, started, parent: parent(at), group: group?.(at) ?? (0n as Gva) }; // NULL: it has none
  };
}

/** Whether orphans may become children of a process: `find_new_reaper` (kernel/exit.c). */
function reapers(kernel: KernelReader): (leader: Gva) => boolean {
  const task = kernel.struct("task_struct");
  const flags = task.number("signal->flags");
  const isSubreaper = task.number("signal->is_child_subreaper");
  return (at) => (flags(at) & SIGNAL_UNKILLABLE) !== 0 || isSubreaper(at) !== 0;
}
