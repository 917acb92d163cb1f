import type { KernelReader } from "../kernel/kernel-reader.ts";

/** `MAX_LSM_COUNT` is about a dozen. */
const MAX_LSMS = 64;

/**
 * Security modules in the order they are asked, as in /sys/kernel/security/lsm: one text (`lsm_names`), or
 * a table of them in kernels that have that no more.
 */
export function readActiveLsms(kernel: KernelReader): readonly string[] {
  const { memory } = kernel;
  if (kernel.hasSymbol("lsm_names")) {
    const names = memory.pointer(kernel.symbol("lsm_names"));
    return names === 0n ? [] : memory.string(names).split(",");
  }
  if (!kernel.hasSymbol("lsm_active_cnt") || !kernel.hasSymbol("lsm_idlist")) return [];
  const count = Math.min(memory.u32(kernel.symbol("lsm_active_cnt")), MAX_LSMS);
  const list = kernel.symbol("lsm_idlist");
  const name = kernel.struct("lsm_id").string("name");
  return Array.from({ length: count }, (_, i) => name(memory.pointer(list, i * 8)));
}
