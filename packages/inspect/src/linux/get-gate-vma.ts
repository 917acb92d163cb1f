import type { Gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import type { Accessor } from "../kernel/struct-type.ts";

/** `vsyscall_mode` (arch/x86/entry/vsyscall/vsyscall_64.c): 0 emulates, 1 lets execute, 2 is none. */
const NONE = 2;
/** `MM_CONTEXT_HAS_VSYSCALL` (arch/x86/include/asm/mmu.h), bit 1. */
const HAS_VSYSCALL = 1 << 1;

/** Reads whether an `mm_struct` has the page of vsyscalls, which no VMA of its own stands for: `get_gate_vma`. */
export function getGateVma(kernel: KernelReader): Accessor<Gva | undefined> {
  if (!kernel.hasSymbol("gate_vma")) return () => undefined;
  const mode = kernel.memory.u32(kernel.symbol("vsyscall_mode"));
  if (mode === NONE) return () => undefined;
  const gateVma = kernel.symbol("gate_vma");
  const mm = kernel.struct("mm_struct");
  if (mm.has("context.flags")) {
    const flags = mm.number("context.flags");
    return (at) => ((flags(at) & HAS_VSYSCALL) === 0 ? undefined : gateVma);
  }
  const ia32 = mm.number("context.ia32_compat");
  return (at) => (ia32(at) === 0 ? gateVma : undefined);
}
