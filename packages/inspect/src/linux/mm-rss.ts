import { type Gva, gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import { toSignedNumber } from "../to-number.ts";

/** Counters of resident pages by `enum` (include/linux/mm_types_task.h), the same since 4.5. */
const RESIDENT = ["MM_FILEPAGES", "MM_ANONPAGES", "MM_SHMEMPAGES"] as const;
const NUMBERS = { MM_FILEPAGES: 0, MM_ANONPAGES: 1, MM_SHMEMPAGES: 3 } as const;

/**
 * Reads how many pages of the `mm_struct` at `mm` are resident: `get_mm_rss`, made exact with what
 * processors (since 6.2) or threads (before) have counted and not handed in yet. /proc/PID/status leaves
 * that out up to 6.16; /proc/PID/smaps_rollup counts it.
 */
export function mmRss(kernel: KernelReader): (mm: Gva, threads: readonly Gva[]) => number {
  const mm = kernel.struct("mm_struct");
  const numbers = RESIDENT.map((name) => kernel.constant(name) ?? NUMBERS[name]);
  if (mm.has("rss_stat[0].counters")) return perCpuRss(kernel, numbers);

  const shared = numbers.map((number) => mm.bigint(`rss_stat.count[${number}]`));
  const task = kernel.struct("task_struct");
  // SPLIT_RSS_COUNTING: each thread hands in its own after 64 faults.
  const own = task.has("rss_stat.count[0]")
    ? numbers.map((number) => task.number(`rss_stat.count[${number}]`))
    : [];
  return (at, threads) => {
    let pages = 0;
    for (const read of shared) pages += toSignedNumber(read(at));
    for (const read of own) for (const thread of threads) pages += read(thread);
    return Math.max(pages, 0);
  };
}

/** `percpu_counter_sum_positive`. */
function perCpuRss(
  kernel: KernelReader,
  numbers: readonly number[],
): (mm: Gva, threads: readonly Gva[]) => number {
  const mm = kernel.struct("mm_struct");
  const { memory } = kernel;
  const offsets = kernel.onlineCpus().map((cpu) => kernel.perCpu(gva(0n), cpu));
  const counters = numbers.map((number) => ({
    count: mm.bigint(`rss_stat[${number}].count`),
    own: mm.pointer(`rss_stat[${number}].counters`),
  }));
  return (at) => {
    kernel.budget.step(offsets.length);
    let pages = 0;
    for (const { count, own } of counters) {
      let sum = toSignedNumber(count(at));
      const pointer = own(at);
      for (const offset of offsets) sum += memory.u32(gva(pointer + offset)) | 0;
      pages += Math.max(sum, 0);
    }
    return pages;
  };
}
