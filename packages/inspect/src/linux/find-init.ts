import type { Gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import { MemoryFault } from "../memory/memory-fault.ts";

/**
 * The guest's first process, whose root directory and mounts are those people mean. It has both as long as
 * the kernel runs. Throws `kernel/damaged`.
 */
export function findInit(kernel: KernelReader): Gva {
  const init = kernel.struct("pid_namespace").pointer("child_reaper")(kernel.symbol("init_pid_ns"));
  const task = kernel.struct("task_struct");
  if (task.pointer("fs")(init) !== 0n && task.pointer("nsproxy")(init) !== 0n) return init;
  throw new MemoryFault(init, "a first process without files or namespaces", "one that runs");
}
