import type { Gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import { walkHashTable } from "../walk/walk-hash-table.ts";

/** `1 << CSS_SET_HASH_BITS` (kernel/cgroup/cgroup.c). */
const CSS_SET_HEADS = 128;

/** Every `css_set`: tasks that are in the same control groups share one. None in a kernel without control groups. */
export function* walkCssSets(kernel: KernelReader): Generator<Gva> {
  if (!kernel.hasSymbol("css_set_table") || !kernel.hasStruct("css_set")) return;
  yield* walkHashTable(kernel, {
    heads: kernel.symbol("css_set_table"),
    count: CSS_SET_HEADS,
    stride: 8,
    offset: kernel.struct("css_set").offset("hlist"),
  });
}

/** Tasks, threads among them, on the lists of all control groups: what `cgroup.threads` files show. */
export function* walkCgroupTasks(kernel: KernelReader): Generator<Gva> {
  const task = kernel.struct("task_struct");
  if (!task.has("cg_list") || !kernel.hasStruct("css_set")) return;
  const set = kernel.struct("css_set");
  const lists = ["tasks", "mg_tasks", "dying_tasks"].filter((member) => set.has(member));
  const heads = lists.map((member) => set.address(member));
  for (const at of walkCssSets(kernel)) {
    for (const head of heads) yield* task.list(head(at), "cg_list");
  }
}
