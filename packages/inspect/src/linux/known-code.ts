import type { Gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import { type AddressRegion, findRegion, sortRegions } from "./find-region.ts";
import { walkMadeCode } from "./walk-made-code.ts";
import { walkModules } from "./walk-modules.ts";

/** Whose code is at an address. */
export type CodeOwner =
  | { readonly kind: "kernel" | "bpf" | "ftrace" }
  /** `struct module` of it. */
  | { readonly kind: "module"; readonly module: Gva };

interface Region extends AddressRegion {
  readonly owner: CodeOwner;
}

const KERNEL: CodeOwner = { kind: "kernel" };
const MAKERS = { bpf: { kind: "bpf" }, ftrace: { kind: "ftrace" } } as const;

/**
 * Finds whose code is at an address: the kernel's own, a listed module's, that of BPF programs and their
 * trampolines, of ftrace's trampolines; `undefined` where there should be none. Make one for each look.
 */
export function knownCode(kernel: KernelReader): (address: Gva) => CodeOwner | undefined {
  const start = kernel.symbol("_stext", "_text");
  const end = kernel.symbol("_etext");
  let regions: readonly Region[] | undefined;
  return (address) => {
    if (address >= start && address < end) return KERNEL;
    regions ??= sortRegions([...walkModuleText(kernel), ...walkMade(kernel)]);
    return findRegion(regions, address)?.owner;
  };
}

function* walkModuleText(kernel: KernelReader): Generator<Region> {
  const type = kernel.struct("module");
  const parts = type.has("mem")
    ? ["MOD_TEXT", "MOD_INIT_TEXT"].map((name) => {
        const index = kernel.constant(name) ?? 0;
        return [type.pointer(`mem[${index}].base`), type.number(`mem[${index}].size`)] as const;
      })
    : ["core_layout", "init_layout"].map((name) => {
        return [type.pointer(`${name}.base`), type.number(`${name}.text_size`)] as const;
      });
  for (const module of walkModules(kernel)) {
    for (const [base, size] of parts) {
      const start = base(module);
      if (start !== 0n) {
        const owner: CodeOwner = { kind: "module", module };
        yield { start, end: start + BigInt(size(module)), owner };
      }
    }
  }
}

function* walkMade(kernel: KernelReader): Generator<Region> {
  for (const { start, end, maker } of walkMadeCode(kernel)) {
    yield { start, end, owner: MAKERS[maker] };
  }
}
