import type { Gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import { walkProcesses } from "../views/processes.ts";

/** Calls `visit` with each process of the list of tasks that has memory, and its `mm_struct`: of those that share one, the first. */
export function eachProcessSpace(kernel: KernelReader, visit: (task: Gva, mm: Gva) => void): void {
  const seen = new Set<Gva>();
  const mm = kernel.struct("task_struct").pointer("mm");
  kernel.each("task_struct", walkProcesses(kernel), (task) => {
    const space = mm(task);
    if (space === 0n || seen.has(space)) return;
    seen.add(space);
    visit(task, space);
  });
}
