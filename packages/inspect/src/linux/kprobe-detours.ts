import { type Gva, gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";

/** `1 << KPROBE_HASH_BITS` (include/linux/kprobes.h). */
const TABLE_SIZE = 64;
/** include/linux/kprobes.h */
const KPROBE_FLAG_OPTIMIZED = 4;
const KPROBE_FLAG_FTRACE = 8;

/**
 * Where registered probes change code: each address with where the jump leads that stands there, or NULL
 * for a breakpoint. Those that ftrace calls change none.
 */
export function readKprobeDetours(kernel: KernelReader): ReadonlyMap<Gva, Gva> {
  const detours = new Map<Gva, Gva>();
  if (!kernel.hasStruct("kprobe") || !kernel.hasSymbol("kprobe_table")) return detours;
  const type = kernel.struct("kprobe");
  const address = type.pointer("addr");
  const flags = type.number("flags");
  const optimized = kernel.hasStruct("optimized_kprobe")
    ? kernel.struct("optimized_kprobe")
    : undefined;
  const table = kernel.symbol("kprobe_table");
  for (let bucket = 0; bucket < TABLE_SIZE; bucket += 1) {
    if (kernel.memory.u64(table, bucket * 8) === 0n) continue;
    for (const at of type.hlist(gva(table + BigInt(bucket * 8)), "hlist")) {
      const bits = flags(at);
      if ((bits & KPROBE_FLAG_FTRACE) !== 0) continue;
      const isJump = (bits & KPROBE_FLAG_OPTIMIZED) !== 0 && optimized !== undefined;
      const slot = isJump
        ? optimized.pointer("optinsn.insn")(optimized.containerOf(at, "kp"))
        : gva(0n);
      detours.set(address(at), slot);
    }
  }
  return detours;
}
