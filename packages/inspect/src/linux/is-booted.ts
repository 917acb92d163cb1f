import type { KernelReader } from "../kernel/kernel-reader.ts";

/**
 * Whether the kernel is done with its own start (`system_state`, `SYSTEM_RUNNING`): before, it still patches
 * its text, and its memory is not protected yet. Of a kernel that does not say so it is taken for granted.
 */
export function isBooted(kernel: KernelReader): boolean {
  const running = kernel.constant("SYSTEM_RUNNING");
  if (running === undefined || !kernel.hasSymbol("system_state")) return true;
  return kernel.memory.u32(kernel.symbol("system_state")) >= running;
}
