import { formatAddress, type Gva, gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import { type TaskCensus, TaskPlace, takeTaskCensus } from "../linux/task-census.ts";
import { PF_EXITING } from "../linux/task-flags.ts";
import { walkVmas } from "../linux/walk-vmas.ts";
import { defineDetector } from "./detector.ts";
import type { Evidence, Suspicion } from "./suspicion.ts";
import { type TaskIdentity, taskIdentity } from "./task-identity.ts";

/** What people call the places, in the order that matters. */
const PLACE_NAMES: readonly (readonly [place: number, name: string])[] = [
  [TaskPlace.list, "the list of tasks"],
  [TaskPlace.pids, "the pid table"],
  [TaskPlace.cgroups, "the lists of control groups"],
  [TaskPlace.namespacePids, "the pid table of a namespace"],
  [TaskPlace.children, "the children of its parent"],
  [TaskPlace.runQueue, "a run queue"],
  [TaskPlace.addressSpace, "the owners of page tables"],
];

/** Without these it cannot be seen; `PF_EXITING` ones have left their control groups. */
const HIDDEN = TaskPlace.list | TaskPlace.pids;

const REMEDIATION =
  "Take a snapshot with memory for evidence, isolate the VM, and look at what the process does from outside; then restore a state from before it.";

/** Processes and threads that one structure of the kernel has and another has not. */
export const hiddenProcesses = defineDetector({
  id: "hidden-processes",
  title: "Hidden processes",
  techniques: ["T1014", "T1564"],
  needs: ["kernelMetadata"],
  cost: "low",
  blindTo: [
    "A task that is in no structure of the kernel while it sleeps, and has no address space of its own: unlisted-objects finds it by the memory it lies in.",
    "What only programs in the guest leave out, such as a ps that was replaced.",
  ],
  check({ kernel }, inspection) {
    const census = takeTaskCensus(kernel);
    const identify = taskIdentity(kernel);
    const flags = kernel.struct("task_struct").number("flags");
    const leaderOf = kernel.struct("task_struct").pointer("group_leader");
    const needed = census.complete;

    const hidden = new Map<Gva, number>();
    for (const [at, places] of census.places) {
      inspection.looked();
      if ((places & needed) === needed || census.idle.has(at)) continue;
      kernel.attempt(
        () => {
          if (!identify.isAlive(at)) return;
          const isExiting = (flags(at) & PF_EXITING) !== 0;
          const expected = isExiting ? needed & ~TaskPlace.cgroups : needed;
          if ((places & expected) !== expected) hidden.set(at, expected & ~places);
        },
        "task_struct",
        at,
      );
    }
    for (const [at, missing] of hidden) {
      kernel.attempt(
        () => {
          // Threads of a process that is not in the list are found with it.
          const leader = leaderOf(at);
          if (leader !== at && hidden.get(leader) === missing) return;
          inspection.report(suspect(identify.describe(at), at, missing, census));
        },
        "task_struct",
        at,
      );
    }
    for (const suspicion of ownerless(kernel, census, identify)) inspection.report(suspicion);
  },
});

function suspect(
  { name, key }: { readonly name: string; readonly key: string },
  at: Gva,
  missing: number,
  { places }: TaskCensus,
): Suspicion {
  const seen = places.get(at) ?? 0;
  const listed = (bits: number) =>
    PLACE_NAMES.flatMap(([bit, place]) => ((bits & bit) !== 0 ? place : [])).join(", ");
  const isHidden = (missing & HIDDEN) !== 0;
  return {
    key,
    title: `${name} is missing from ${listed(missing)}`,
    severity: isHidden ? "critical" : "medium",
    because: isHidden
      ? "Nothing but code in the kernel takes a living task out of there, and it does so that nobody sees the process."
      : "A task outside of all control groups escapes their limits, and what freezes or ends them.",
    techniques: ["T1014", "T1564"],
    evidence: [
      {
        what: "task_struct",
        address: formatAddress(at),
        expected: `in ${listed(seen | missing)}`,
        seen: `in ${listed(seen)}`,
        path: pathTo(seen, at),
      },
    ],
    remediation: REMEDIATION,
  };
}

/** How to come to the task again, by the place that is easiest to walk. */
function pathTo(places: number, at: Gva): readonly string[] {
  const task = `task_struct ${formatAddress(at)}`;
  if ((places & TaskPlace.list) !== 0) return ["init_task", "tasks", task];
  if ((places & TaskPlace.pids) !== 0) {
    return ["init_pid_ns", "idr", "struct pid", "tasks[PIDTYPE_PID]", task];
  }
  if ((places & TaskPlace.cgroups) !== 0) return ["css_set_table", "css_set", "tasks", task];
  if ((places & TaskPlace.namespacePids) !== 0) {
    return ["pid_namespace", "idr", "struct pid", "tasks[PIDTYPE_PID]", task];
  }
  if ((places & TaskPlace.children) !== 0) return ["real_parent", "children", task];
  if ((places & TaskPlace.addressSpace) !== 0) return ["pgd_list", "mm_struct", "owner", task];
  return ["runqueues", task];
}

/** Address spaces that are in use though no task that was found has them. */
function* ownerless(
  kernel: KernelReader,
  census: TaskCensus,
  { isNew }: TaskIdentity,
): Generator<Suspicion> {
  const task = kernel.struct("task_struct");
  const ofTask = task.pointer("mm");
  const owned = new Set<bigint>(kernelAddressSpaces(kernel));
  for (const at of census.places.keys()) {
    kernel.attempt(() => owned.add(ofTask(at)), "task_struct", at);
  }
  const space = kernel.struct("mm_struct");
  const users = space.number("mm_users");
  const executable = space.pointer("exe_file");
  const name = kernel.struct("file").string("f_path.dentry->d_name.name");
  const owner = space.has("owner") ? space.pointer("owner") : () => gva(0n);
  const isBeingMade = (mm: Gva) => {
    const task = owner(mm);
    if (task !== 0n && isNew(task)) return true;
    // `exec` fills a stack first, and has no program in it before it is the process's.
    return [...walkVmas(kernel, mm).take(2)].length < 2;
  };
  for (const [mm, foundBy] of census.addressSpaces) {
    if (owned.has(mm)) continue;
    const found = kernel.attempt(
      (): Evidence | undefined => {
        // Only what a processor has loaded still keeps it; or `fork` or `exec` has not yet given it away.
        if (users(mm) === 0 || isBeingMade(mm)) return undefined;
        const file = executable(mm);
        return {
          what: "mm_struct",
          address: formatAddress(mm),
          expected: "a task that uses it",
          seen: `${users(mm)} users and none among the tasks; executable ${file === 0n ? "none" : name(file)}`,
          path: [foundBy, `mm_struct ${formatAddress(mm)}`],
        };
      },
      "mm_struct",
      mm,
    );
    if (found === undefined) continue;
    yield {
      key: `address space ${formatAddress(mm)}`,
      title: `An address space is in use that no process has: ${found.seen}`,
      severity: "high",
      because:
        "A process that was taken out of all of the kernel's structures still needs its page tables.",
      techniques: ["T1014", "T1564"],
      evidence: [found],
      remediation: REMEDIATION,
    };
  }
}

/** Those that the kernel made for itself: to patch its text, and to call firmware. */
function* kernelAddressSpaces(kernel: KernelReader): Generator<bigint> {
  for (const name of ["init_mm", "efi_mm", "tboot_mm"]) {
    if (kernel.hasSymbol(name)) yield kernel.symbol(name);
  }
  for (const name of ["poking_mm", "text_poke_mm"]) {
    if (kernel.hasSymbol(name)) yield kernel.memory.pointer(kernel.symbol(name));
  }
}
