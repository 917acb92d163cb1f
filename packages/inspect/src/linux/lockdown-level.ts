import type { KernelReader } from "../kernel/kernel-reader.ts";

/** How far root is kept from changing the running kernel: kernel_lockdown(7). */
export type LockdownLevel = "none" | "integrity" | "confidentiality";

/** The level of lockdown, as /sys/kernel/security/lockdown marks it; null in a kernel without it. */
export function readLockdownLevel(kernel: KernelReader): LockdownLevel | null {
  if (!kernel.hasSymbol("kernel_locked_down")) return null;
  const level = kernel.memory.u32(kernel.symbol("kernel_locked_down"));
  const integrity = kernel.constant("LOCKDOWN_INTEGRITY_MAX");
  const confidentiality = kernel.constant("LOCKDOWN_CONFIDENTIALITY_MAX");
  if (integrity === undefined || confidentiality === undefined) return null;
  // What it forbids is everything up to a reason.
  if (level >= confidentiality) return "confidentiality";
  return level >= integrity ? "integrity" : "none";
}
