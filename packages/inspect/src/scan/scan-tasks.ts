import type { KernelReader } from "../kernel/kernel-reader.ts";
import { scanObjects } from "./scan-objects.ts";
import { type TaskCandidate, taskObjects } from "./task-objects.ts";

/**
 * Every `task_struct` in all of RAM, threads and ended ones among them, that has the shape of one: found
 * by the pages they lie in, so that what hides from the list of tasks is found.
 *
 * Throws `kernel/unsupported` where tasks have no cache, `kernel/damaged` and `inspect/budget`.
 */
export function* scanTasks(kernel: KernelReader): Generator<TaskCandidate> {
  const { caches, recognize } = taskObjects(kernel);
  for (const object of scanObjects(kernel, caches)) {
    const found = recognize(object);
    if (found !== undefined) yield found;
  }
}
