import type { KernelReader } from "../kernel/kernel-reader.ts";
import type { Accessor } from "../kernel/struct-type.ts";
import { type PathWriter, pathWriter } from "./d-path.ts";
import { findInit } from "./find-init.ts";
import { getFsRoot } from "./get-fs-root.ts";

/**
 * Reads the path of the file that a process runs, as /proc/PID/exe leads to it; null of kernel threads and
 * of processes that have ended. HOSTILE.
 */
export function taskExecutable(kernel: KernelReader): Accessor<string | null> {
  const mmOf = kernel.struct("task_struct").pointer("mm");
  const file = kernel.struct("mm_struct").pointer("exe_file");
  const mnt = kernel.struct("file").pointer("f_path.mnt");
  const dentry = kernel.struct("file").pointer("f_path.dentry");
  // A kernel that has not started its first process has no root yet, and nothing to ask it for.
  let paths: PathWriter | undefined;
  return (task) => {
    const mm = mmOf(task);
    if (mm === 0n) return null;
    const at = file(mm);
    if (at === 0n) return null;
    paths ??= pathWriter(kernel, getFsRoot(kernel, findInit(kernel)));
    return paths.dPath({ mnt: mnt(at), dentry: dentry(at) });
  };
}
