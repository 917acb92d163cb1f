import { CasemateError, type Gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import type { ObjectKind } from "./object-kind.ts";
import { readSlabCache } from "./slab-cache.ts";

/** What looks like a task, wherever it was found. */
export interface TaskCandidate {
  /** Address of its `task_struct`. */
  readonly address: Gva;
  /** Whether the allocator has it as used; the task it was has ended where not. */
  readonly inUse: boolean;
  readonly pid: number;
  readonly tgid: number;
  /** `comm`. HOSTILE. */
  readonly name: string;
}

/** `PID_MAX_LIMIT` on 64-bit machines (include/linux/threads.h). */
const MAX_PID = 4 * 1024 * 1024;

/** What tells tasks. Throws `kernel/unsupported` where they have no cache, and `kernel/damaged`. */
export function taskObjects(kernel: KernelReader): ObjectKind<TaskCandidate> {
  const cacheAt = kernel.memory.pointer(kernel.symbol("task_struct_cachep"));
  const cache = readSlabCache(kernel, cacheAt);
  const task = kernel.struct("task_struct");
  // The whole struct need not fit: its end is for processor state that this machine may not have.
  const needed = task.offset("comm") + task.sizeOf("comm");
  if (cache.stride < needed) {
    throw new CasemateError(
      "kernel/damaged",
      `Cannot scan for tasks: their cache has room for ${cache.stride} bytes each, expected ${needed}.`,
    );
  }
  const pidOf = task.number("pid");
  const tgidOf = task.number("tgid");
  const nameOf = task.string("comm");
  return {
    caches: [cache],
    recognize({ address, inUse }) {
      const pid = pidOf(address);
      const tgid = tgidOf(address);
      if (pid < 1 || pid > MAX_PID || tgid < 1 || tgid > MAX_PID) return undefined;
      const name = nameOf(address);
      return name === "" ? undefined : { address, inUse, pid, tgid, name };
    },
  };
}
