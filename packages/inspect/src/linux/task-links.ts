import { type Gva, gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import { isWhole } from "../walk/is-whole.ts";

/** A place in one of the kernel's lists: the member of a struct, and the list that it belongs on. */
export interface ListPlace {
  /** `list`: `list_head` on `list_head`; `hlist`: `hlist_node` on `hlist_head` (include/linux/list.h). */
  readonly kind: "list" | "hlist";
  readonly node: Gva;
  readonly head: Gva;
}

/** A list that a task was taken off, although the kernel takes it off there when the task ends. */
export interface BrokenLink extends ListPlace {
  readonly lock: "tasklist_lock" | "css_set_lock";
}

/** `list_head.prev` and `hlist_node.pprev`. */
const BACK = 8n;

/**
 * Lists that the threads `tasks` of one process should be on and are not. The kernel takes a task off all of
 * them when it ends (`release_task`, `cgroup_exit`), and stops, or writes to where poison points, where one
 * does not lead back to it.
 */
export function brokenLinks(
  kernel: KernelReader,
  leader: Gva,
  tasks: readonly Gva[],
): readonly BrokenLink[] {
  const task = kernel.struct("task_struct");
  const member = (name: string, at: Gva) => task.address(name)(at);
  const parent = task.pointer("real_parent")(leader);
  const broken: BrokenLink[] = [];
  const note = (lock: BrokenLink["lock"], place: ListPlace) => {
    if (!isLinked(kernel, place)) broken.push({ lock, ...place });
  };
  const init = kernel.symbol("init_task");
  note("tasklist_lock", listPlace(member("tasks", leader), member("tasks", init)));
  note("tasklist_lock", listPlace(member("sibling", leader), member("children", parent)));
  for (const at of tasks) {
    kernel.budget.step();
    const threads = task.address("signal->thread_head")(leader);
    note("tasklist_lock", listPlace(member("thread_node", at), threads));
    for (const place of pidPlaces(kernel, at, at === leader)) note("tasklist_lock", place);
    const set = task.has("cg_list") ? task.pointer("cgroups")(at) : gva(0n);
    if (set === 0n || !kernel.hasSymbol("css_set_lock")) continue;
    const sets = kernel.struct("css_set").address("tasks")(set);
    note("css_set_lock", listPlace(member("cg_list", at), sets));
  }
  return broken;
}

/** The chains of a task's numbers: a thread that leads has those of its group, its process group and session too. */
function* pidPlaces(kernel: KernelReader, at: Gva, isLeader: boolean): Generator<ListPlace> {
  const task = kernel.struct("task_struct");
  const own = kernel.constant("PIDTYPE_PID") ?? 0;
  const group = kernel.constant("PIDTYPE_TGID") ?? 1;
  const count = kernel.constant("PIDTYPE_MAX") ?? 4;
  const lists = kernel.struct("pid");
  for (let kind = 0; kind < count; kind += 1) {
    if (kind !== own && !isLeader) continue;
    const pid =
      kind === own ? task.pointer("thread_pid")(at) : task.pointer(`signal->pids[${kind}]`)(at);
    if (pid === 0n && kind > group) continue;
    yield {
      kind: "hlist",
      node: task.address(`pid_links[${kind}]`)(at),
      head: lists.address(`tasks[${kind}]`)(pid),
    };
  }
}

function listPlace(node: Gva, head: Gva): ListPlace {
  return { kind: "list", node, head };
}

/** Whether the neighbours lead back to the node: what `__list_del_entry_valid` asks. */
function isLinked(kernel: KernelReader, { kind, node }: ListPlace): boolean {
  let linked = false;
  // Poison leads nowhere: then it is not linked either.
  const isReadable = isWhole(kernel, () => {
    kernel.attempt(
      () => {
        const next = kernel.memory.pointer(node);
        const back = kernel.memory.pointer(gva(node + BACK));
        const behind = (at: Gva) => kernel.memory.pointer(gva(at + BACK));
        linked =
          kind === "list"
            ? next !== node && behind(next) === node && kernel.memory.pointer(back) === node
            : back !== 0n &&
              kernel.memory.pointer(back) === node &&
              (next === 0n || behind(next) === node);
      },
      "list of a task",
      node,
    );
  });
  return isReadable && linked;
}
