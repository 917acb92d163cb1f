import type { Gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";

/** The guest's first process, whose root directory and mounts are those people mean. */
export function findInit(kernel: KernelReader): Gva {
  return kernel.struct("pid_namespace").pointer("child_reaper")(kernel.symbol("init_pid_ns"));
}
