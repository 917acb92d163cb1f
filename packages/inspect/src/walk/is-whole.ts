import type { KernelReader } from "../kernel/kernel-reader.ts";

/** Runs `work`, and says whether it came by no damage: what a walk that broke off did not meet proves nothing. */
export function isWhole(kernel: KernelReader, work: () => void): boolean {
  const before = kernel.damaged.length;
  work();
  return kernel.damaged.length === before;
}
