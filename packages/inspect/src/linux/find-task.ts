import { CasemateError, type Gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import { loadXarray } from "../walk/load-xarray.ts";

/**
 * The `task_struct` of process or thread `pid` as the initial PID namespace counts, by the kernel's table
 * of pids and not by its list of tasks: `find_task_by_pid_ns`. Throws `inspect/not-found`.
 */
export function findTask(kernel: KernelReader, pid: number): Gva {
  const idr = kernel.struct("pid_namespace").address("idr")(kernel.symbol("init_pid_ns"));
  const type = kernel.struct("idr");
  const index = pid - type.number("idr_base")(idr);
  const found = loadXarray(kernel, type.address("idr_rt")(idr), index);
  if (found !== 0n) {
    const kind = kernel.constant("PIDTYPE_PID") ?? 0;
    const head = kernel.struct("pid").address(`tasks[${kind}]`)(found);
    const task = kernel.struct("task_struct");
    for (const at of task.hlist(head, `pid_links[${kind}]`)) return at;
  }
  throw new CasemateError(
    "inspect/not-found",
    `Cannot find process ${pid}: the guest has none of this number, expected one that runs.`,
  );
}
