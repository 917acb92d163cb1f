import type { Gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";

/** Threads of the process whose leader is at `leader`, the leader among them: `for_each_thread`. */
export function walkThreads(kernel: KernelReader, leader: Gva): Generator<Gva> {
  const task = kernel.struct("task_struct");
  return task.list(task.address("signal->thread_head")(leader), "thread_node");
}
