import { gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import type { Hook } from "./hook.ts";
import { symbolExtent } from "./symbol-extent.ts";

const TABLES = ["sys_call_table", "ia32_sys_call_table", "x32_sys_call_table"] as const;
/** x86-64 has some 550 system calls. */
const MAX_ENTRIES = 4096;

/**
 * Entries of the system-call tables that lead out of the kernel's own text: none in a kernel that was left
 * alone. Kernels with `x64_sys_call` (since 6.9, and older ones with its fix) call without the first table.
 */
export function* walkSystemCallHooks(kernel: KernelReader): Generator<Hook> {
  const start = kernel.symbol("_stext", "_text");
  const end = kernel.symbol("_etext");
  const unused = kernel.hasSymbol("x64_sys_call") ? ["unused table"] : [];
  for (const table of TABLES) {
    if (!kernel.hasSymbol(table)) continue;
    const at = kernel.symbol(table);
    const length = Math.floor(symbolExtent(kernel, at, MAX_ENTRIES * 8) / 8);
    const words = new BigUint64Array(kernel.memory.bytes(at, length * 8).buffer);
    for (let i = 0; i < length; i += 1) {
      const target = gva(words[i] ?? 0n);
      // Zeros fill the space up to the next symbol.
      if (target === 0n || (target >= start && target < end)) continue;
      kernel.budget.step();
      const structure = gva(at + BigInt(i * 8));
      const flags = table === "sys_call_table" ? unused : [];
      yield { kind: "syscall", where: `${table}[${i}]`, target, structure, flags };
    }
  }
}
