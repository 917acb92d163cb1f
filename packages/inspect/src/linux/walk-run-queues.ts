import { type Gva, gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import type { Accessor } from "../kernel/struct-type.ts";
import { MemoryFault } from "../memory/memory-fault.ts";
import { CircleFinder } from "../walk/circle-finder.ts";

/** `MAX_RT_PRIO` (include/linux/sched/prio.h). */
const RT_QUEUES = 100;
/** A queue that changes under the walk is tried again this often. */
const TRIES = 4;
/** A red-black tree of 2^64 nodes is not deeper. */
const MAX_NODES = 4096;

/** A processor's `struct rq` (kernel/sched/sched.h), where it says which tasks run and want to run. */
export interface RunQueue {
  readonly cpu: number;
  /** Address of its `struct rq`. */
  readonly rq: Gva;
  /** The task that runs when no other does. */
  readonly idle: Gva;
  /** Tasks that run or wait to. */
  readonly tasks: readonly Gva[];
}

/**
 * Which tasks run or wait to on each processor: those of the fair class (CFS, EEVDF), real-time and
 * deadline tasks, and those that a BPF scheduler keeps.
 *
 * Queues change at every tick, so what is read is no part of whether the look is one moment; a queue that
 * never holds still is damaged.
 */
export function* walkRunQueues(kernel: KernelReader): Generator<RunQueue> {
  const rq = kernel.struct("rq");
  const idle = rq.pointer("idle");
  const walks = queueWalks(kernel);
  const current = rq.pointer("curr");
  const base = kernel.symbol("runqueues");
  for (const cpu of kernel.onlineCpus()) {
    const at = kernel.perCpu(base, cpu);
    const tasks = new Set<Gva>();
    const running = current(at);
    if (running !== 0n) tasks.add(running);
    for (const walk of walks) for (const task of settled(kernel, () => walk(at))) tasks.add(task);
    yield { cpu, rq: at, idle: idle(at), tasks: [...tasks] };
  }
}

function settled(kernel: KernelReader, walk: () => readonly Gva[]): readonly Gva[] {
  for (let tries = 1; ; tries += 1) {
    try {
      return walk();
    } catch (thrown) {
      if (!(thrown instanceof MemoryFault) || tries === TRIES) throw thrown;
      kernel.budget.step();
    }
  }
}

function queueWalks(kernel: KernelReader): readonly Accessor<readonly Gva[]>[] {
  const rq = kernel.struct("rq");
  const task = kernel.struct("task_struct");
  const walks: Accessor<readonly Gva[]>[] = [];
  const onList = (head: string, member: string) => {
    if (!rq.has(head) || !task.has(member)) return;
    const start = rq.address(head);
    const distance = BigInt(task.offset(member));
    walks.push((at) => walkChanging(kernel, start(at), distance));
  };
  onList("cfs_tasks", "se.group_node");
  onList("scx.runnable_list", "scx.runnable_node");
  walks.push(...realtimeWalk(kernel), ...deadlineWalk(kernel));
  return walks;
}

/** `rt_prio_array.queue`, a list for each priority. */
function realtimeWalk(kernel: KernelReader): readonly Accessor<readonly Gva[]>[] {
  const rq = kernel.struct("rq");
  if (!rq.has("rt.active.queue")) return [];
  const count = rq.has("rt.rt_nr_running") ? rq.number("rt.rt_nr_running") : () => 1;
  const queues = rq.address("rt.active.queue");
  const distance = BigInt(kernel.struct("task_struct").offset("rt.run_list"));
  // With groups of real-time tasks (CONFIG_RT_GROUP_SCHED) an entity may be a group.
  const entity = kernel.struct("sched_rt_entity");
  const own = entity.has("my_q") ? entity.pointer("my_q") : () => gva(0n);
  const entityOffset = BigInt(kernel.struct("task_struct").offset("rt"));
  return [
    (at) => {
      if (count(at) === 0) return [];
      const found: Gva[] = [];
      for (let priority = 0; priority < RT_QUEUES; priority += 1) {
        for (const each of walkChanging(
          kernel,
          gva(queues(at) + BigInt(priority * 16)),
          distance,
        )) {
          if (own(gva(each + entityOffset)) === 0n) found.push(each);
        }
      }
      return found;
    },
  ];
}

/** `dl_rq.root`: a red-black tree by deadline, in which a processor's own servers wait too. */
function deadlineWalk(kernel: KernelReader): readonly Accessor<readonly Gva[]>[] {
  const rq = kernel.struct("rq");
  if (!rq.has("dl.root.rb_root.rb_node")) return [];
  const root = rq.pointer("dl.root.rb_root.rb_node");
  const entity = kernel.struct("sched_dl_entity");
  const isServer = entity.has("dl_server") ? entity.number("dl_server") : () => 0;
  const node = kernel.struct("rb_node");
  const left = node.pointer("rb_left");
  const right = node.pointer("rb_right");
  const nodeOffset = BigInt(entity.offset("rb_node"));
  const entityOffset = BigInt(kernel.struct("task_struct").offset("dl"));
  return [
    (at) => {
      const found: Gva[] = [];
      const waiting = [root(at)];
      let count = 0;
      for (let each = waiting.pop(); each !== undefined; each = waiting.pop()) {
        if (each === 0n) continue;
        kernel.budget.step();
        count += 1;
        if (count > MAX_NODES) {
          throw new MemoryFault(each, "a tree of deadlines without end", "one that ends");
        }
        waiting.push(left(each), right(each));
        const deadline = gva(each - nodeOffset);
        if (isServer(deadline) === 0) found.push(gva(deadline - entityOffset));
      }
      return found;
    },
  ];
}

/** Structs on a `list_head` that changes all the time: no link is remembered. */
function walkChanging(kernel: KernelReader, head: Gva, distance: bigint): readonly Gva[] {
  const { memory, budget } = kernel;
  const found: Gva[] = [];
  const circle = new CircleFinder();
  for (let node = memory.pointer(head); node !== head; node = memory.pointer(node)) {
    budget.step();
    circle.visit(node);
    found.push(gva(node - distance));
  }
  return found;
}
