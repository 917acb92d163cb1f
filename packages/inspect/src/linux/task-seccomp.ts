import type { KernelReader } from "../kernel/kernel-reader.ts";
import type { Accessor } from "../kernel/struct-type.ts";

/** seccomp(2): `filter` asks a program at each system call, `strict` allows four of them. */
export type SeccompMode = "disabled" | "strict" | "filter";

/** By number (include/uapi/linux/seccomp.h); 3 says that a filter has ended the task (`SECCOMP_MODE_DEAD`). */
const MODES = ["disabled", "strict", "filter", "filter"] as const satisfies readonly SeccompMode[];

/** Reads a task's seccomp mode; null where the kernel has none. */
export function taskSeccomp(kernel: KernelReader): Accessor<SeccompMode | null> {
  const task = kernel.struct("task_struct");
  if (!task.has("seccomp.mode")) return () => null;
  const mode = task.number("seccomp.mode");
  return (at) => MODES[mode(at)] ?? null;
}
