import type { KernelState } from "./kernel-state.ts";

/** Tables of functions that are called through, and written into code when it starts (arch/x86/kernel/paravirt.c). */
const PARAVIRT = [
  ["pv_ops", "paravirt_patch_template"],
  ["pv_ops_lock", "pv_lock_ops"],
] as const;
const POINTER = 8;

/**
 * What decides how a kernel patches its code when it starts: of two of one build in which it is the same, the
 * code is the same up to where it lies and what is switched since.
 */
export function patchingOf(state: KernelState): string {
  const { kernel } = state;
  const base = state.symbol("_text") ?? 0;
  const uniprocessor = state.symbol("uniproc_patched");
  const isAlone = uniprocessor !== undefined && kernel.memory.u8(state.gva(uniprocessor)) !== 0;
  const thunk = state.symbol("x86_return_thunk");
  const functions = PARAVIRT.flatMap(([name, type]) => {
    const table = state.symbol(name);
    if (table === undefined || !kernel.hasStruct(type)) return [];
    const count = Math.floor(kernel.struct(type).size / POINTER);
    return Array.from({ length: count }, (_, i) =>
      relative(state.pointer(table + i * POINTER), base),
    );
  });
  const returns = thunk === undefined ? undefined : relative(state.pointer(thunk), base);
  return [state.features, isAlone, returns, ...functions].join(" ");
}

/** What is no pointer to code is not written into it. */
function relative(target: number | undefined, base: number): number | undefined {
  return target === undefined || target === 0 ? target : target - base;
}
