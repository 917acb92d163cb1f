import { type Gva, gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import { walkProcesses } from "../views/processes.ts";
import { isWhole } from "../walk/is-whole.ts";
import { walkAddressSpaces } from "./walk-address-spaces.ts";
import { walkCgroupTasks } from "./walk-css-sets.ts";
import { pidNamespaces, walkPidTable } from "./walk-pid-table.ts";
import { walkRunQueues } from "./walk-run-queues.ts";
import { walkThreads } from "./walk-threads.ts";

/** Where the kernel keeps its tasks, a bit each; the first three have every task that lives. */
export const TaskPlace = {
  list: 1,
  pids: 2,
  cgroups: 4,
  namespacePids: 8,
  children: 16,
  runQueue: 32,
  addressSpace: 64,
} as const;

/** What the kernel's structures say of its tasks, each asked by itself. */
export interface TaskCensus {
  /** Every `task_struct` that any of them leads to, threads among them, with its `TaskPlace`s. */
  readonly places: ReadonlyMap<Gva, number>;
  /** Tasks that run when no other does: they are in no list by right. */
  readonly idle: ReadonlySet<Gva>;
  /** `mm_struct`s whose page tables exist, and how they were found. */
  readonly addressSpaces: ReadonlyMap<Gva, string>;
  /** The places that have every living task, and could be read as a whole. */
  readonly complete: number;
}

/** Takes the census: what one structure leaves out, another has. What is damaged is told by the look. */
export function takeTaskCensus(kernel: KernelReader): TaskCensus {
  const places = new Map<Gva, number>();
  const note = (task: Gva, place: number) => places.set(task, (places.get(task) ?? 0) | place);

  let complete = 0;
  if (isWhole(kernel, () => noteList(kernel, note))) complete |= TaskPlace.list;
  if (isWhole(kernel, () => notePids(kernel, note))) complete |= TaskPlace.pids;
  const hasCgroups = isWhole(kernel, () => {
    const walk = kernel.attemptWalk(walkCgroupTasks(kernel), "tasks of control groups");
    for (const task of walk) note(task, TaskPlace.cgroups);
  });
  if (hasCgroups && kernel.hasSymbol("css_set_table")) complete |= TaskPlace.cgroups;
  noteChildren(kernel, [...places.keys()], note);

  const idle = new Set<Gva>([kernel.symbol("init_task")]);
  for (const queue of kernel.attemptWalk(walkRunQueues(kernel), "run queues")) {
    idle.add(queue.idle);
    for (const task of queue.tasks) note(task, TaskPlace.runQueue);
  }
  return { places, idle, addressSpaces: noteAddressSpaces(kernel, note), complete };
}

type NoteTask = (task: Gva, place: number) => void;

/** The list of tasks, and the threads of each. */
function noteList(kernel: KernelReader, note: NoteTask): void {
  const threads = kernel.struct("task_struct").number("signal->nr_threads");
  const noteThreads = (leader: Gva) => {
    if (threads(leader) === 1) return;
    for (const thread of walkThreads(kernel, leader)) note(thread, TaskPlace.list);
  };
  for (const leader of kernel.attemptWalk(walkProcesses(kernel), "list of tasks")) {
    note(leader, TaskPlace.list);
    kernel.attempt(() => noteThreads(leader), "threads of task_struct", leader);
  }
}

/** The pid table, and those of all PID namespaces that numbers in it lead to. */
function notePids(kernel: KernelReader, note: NoteTask): void {
  const initial = kernel.symbol("init_pid_ns");
  const namespacesOf = pidNamespaces(kernel);
  const inner = new Set<Gva>();
  for (const { pid, task } of kernel.attemptWalk(walkPidTable(kernel, initial), "pid table")) {
    if (task !== 0n) note(task, TaskPlace.pids);
    for (const namespace of kernel.attempt(() => namespacesOf(pid), "struct pid", pid) ?? []) {
      inner.add(namespace);
    }
  }
  for (const namespace of inner) {
    const walk = kernel.attemptWalk(walkPidTable(kernel, namespace), "pid table", namespace);
    for (const { task } of walk) if (task !== 0n) note(task, TaskPlace.namespacePids);
  }
}

/** `children` of all tasks found so far. */
function noteChildren(kernel: KernelReader, tasks: readonly Gva[], note: NoteTask): void {
  const type = kernel.struct("task_struct");
  const children = type.offset("children");
  const distance = BigInt(children);
  for (const parent of [kernel.symbol("init_task"), ...tasks]) {
    const head = gva(parent + distance);
    const first = kernel.attempt(
      () => kernel.memory.pointer(parent, children),
      "task_struct",
      parent,
    );
    if (first === undefined || first === head) continue;
    const walk = kernel.attemptWalk(type.list(head, "sibling"), "children of task_struct", parent);
    for (const child of walk) note(child, TaskPlace.children);
  }
}

/** Address spaces in use; the task that owns one counts as found where it is one. */
function noteAddressSpaces(kernel: KernelReader, note: NoteTask): ReadonlyMap<Gva, string> {
  const spaces = new Map<Gva, string>();
  const space = kernel.struct("mm_struct");
  const owner = space.has("owner") ? space.pointer("owner") : () => gva(0n);
  const used = kernel.struct("task_struct").pointer("mm");
  const walk = kernel.attemptWalk(walkAddressSpaces(kernel), "page tables in use");
  for (const { mm, foundBy } of walk) {
    if (spaces.has(mm)) continue;
    spaces.set(mm, foundBy);
    kernel.attempt(
      () => {
        const task = owner(mm);
        if (task !== 0n && used(task) === mm) note(task, TaskPlace.addressSpace);
      },
      "mm_struct",
      mm,
    );
  }
  return spaces;
}
