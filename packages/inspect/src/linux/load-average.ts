import type { KernelReader } from "../kernel/kernel-reader.ts";

/** `FSHIFT` (include/linux/sched/loadavg.h): bits after the binary point. */
const FIXED_1 = 1 << 11;

/** Tasks that ran or wanted to, on average over 1, 5 and 15 minutes, to two digits as in /proc/loadavg. */
export function readLoadAverage(kernel: KernelReader): readonly [number, number, number] {
  const averages = kernel.symbol("avenrun");
  // The kernel adds half of a hundredth and cuts off the rest.
  const read = (index: number) => {
    const value = Number(kernel.memory.u64(averages, index * 8)) + Math.floor(FIXED_1 / 200);
    return Math.floor((value * 100) / FIXED_1) / 100;
  };
  return [read(0), read(1), read(2)];
}
