import { type Gva, gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";

/** A number that a task has. */
export interface PidEntry {
  /** Address of the `struct pid`. */
  readonly pid: Gva;
  /** Address of the `task_struct` whose number it is; `0n` where only groups and sessions are called so. */
  readonly task: Gva;
}

/** `MAX_PID_NS_LEVEL` (include/linux/pid_namespace.h). */
const MAX_LEVEL = 32;

/**
 * Numbers in the IDR of the `pid_namespace` at `namespace` and the tasks they are of: what /proc lists.
 * Every task is in the IDRs of its own namespace and of all above it.
 */
export function* walkPidTable(kernel: KernelReader, namespace: Gva): Generator<PidEntry> {
  const kind = kernel.constant("PIDTYPE_PID") ?? 0;
  const tasks = kernel.struct("pid").offset(`tasks[${kind}]`);
  const link = BigInt(kernel.struct("task_struct").offset(`pid_links[${kind}]`));
  for (const { entry } of kernel.idr(kernel.struct("pid_namespace").address("idr")(namespace))) {
    const first = kernel.link(entry, tasks);
    yield { pid: entry, task: first === 0n ? first : gva(first - link) };
  }
}

/** The namespaces that a `struct pid` is known in, besides the initial one: `pid->numbers[].ns`. */
export function pidNamespaces(kernel: KernelReader): (pid: Gva) => readonly Gva[] {
  const type = kernel.struct("pid");
  const level = type.number("level");
  const numbers = type.address("numbers");
  const upid = kernel.struct("upid");
  const namespace = upid.pointer("ns");
  return (pid) => {
    // HOSTILE: the guest says how deep it nests.
    const depth = Math.min(level(pid), MAX_LEVEL);
    if (depth === 0) return [];
    const base = numbers(pid);
    return Array.from({ length: depth }, (_, i) => namespace(upid.element(base, i + 1)));
  };
}
