import { CasemateError, type Gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import type { Path } from "./d-path.ts";

/** The root directory of the process whose `task_struct` is at `task`: `get_fs_root`. Throws `inspect/not-found`. */
export function getFsRoot(kernel: KernelReader, task: Gva): Path {
  const type = kernel.struct("task_struct");
  if (type.pointer("fs")(task) === 0n) {
    throw new CasemateError(
      "inspect/not-found",
      `Cannot find the root directory of process ${type.number("pid")(task)}: it has ended, expected one that runs.`,
    );
  }
  return {
    mnt: type.pointer("fs->root.mnt")(task),
    dentry: type.pointer("fs->root.dentry")(task),
  };
}
