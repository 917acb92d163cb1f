import type { Gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import type { Accessor } from "../kernel/struct-type.ts";
import { PF_KTHREAD } from "../linux/task-flags.ts";

/** include/linux/sched.h; a macro, so BTF does not know it. */
const PF_WQ_WORKER = 0x0000_0020;
/** /proc gives names 64 bytes at most (`proc_task_name`). */
const MAX_NAME = 63;
const RESCUER = "kworker/R-";

/**
 * Reads a task's name as /proc does (`proc_task_name`): workers of a workqueue with what they work on,
 * kernel threads whose name is too long for `comm` with the whole of it, all others by `comm`.
 */
export function taskNames(kernel: KernelReader): Accessor<string> {
  const task = kernel.struct("task_struct");
  const comm = task.string("comm");
  const flags = task.number("flags");
  const kthread = kernelThread(kernel);
  if (kthread === undefined) return comm;

  const { pointer: kthreadOf, type } = kthread;
  const fullName = type.has("full_name") ? type.string("full_name") : () => "";
  const data = type.pointer("data");
  const worker = kernel.struct("worker");
  const pool = worker.pointer("pool");
  const currentWork = worker.pointer("current_work");
  const description = worker.string("desc");
  const rescued = worker.string("rescue_wq->name");
  return (at) => {
    const name = comm(at);
    const bits = flags(at);
    if ((bits & PF_KTHREAD) === 0) return name;
    const thread = kthreadOf(at);
    if (thread === 0n) return name;
    if ((bits & PF_WQ_WORKER) === 0) return fullName(thread).slice(0, MAX_NAME) || name;
    const work = data(thread);
    if (work === 0n) return name;
    // Since 6.9 `format_worker_id` spells out the queue of a rescuer, which `comm` cuts off.
    if (name.startsWith(RESCUER)) return `${RESCUER}${rescued(work)}`.slice(0, MAX_NAME);
    if (pool(work) === 0n) return name;
    const what = description(work);
    if (what === "") return name;
    return `${name}${currentWork(work) === 0n ? "-" : "+"}${what}`.slice(0, MAX_NAME);
  };
}

/** `to_kthread`: behind `worker_private` since 5.17, behind `set_child_tid` before. */
function kernelThread(kernel: KernelReader) {
  if (!kernel.hasStruct("kthread") || !kernel.hasStruct("worker")) return undefined;
  const type = kernel.struct("kthread");
  const pointer: Accessor<Gva> = kernel
    .struct("task_struct")
    .pointer("worker_private", "set_child_tid");
  return { pointer, type };
}
