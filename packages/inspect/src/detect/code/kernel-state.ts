import { type Gva, gva } from "@casemate/core";
import { type CodeAddress, fromCodeAddress, toCodeAddress } from "@casemate/formats/kernel-code";
import type { KernelReader } from "../../kernel/kernel-reader.ts";
import { moduleSymbolFinder } from "../../linux/module-symbol-finder.ts";
import { type SymbolizedAddress, symbolizer } from "../../linux/symbolize.ts";
import { walkModules } from "../../linux/walk-modules.ts";
import { k8Nops, type NoOperations, usualNops } from "./no-operations.ts";

/** Bits of `x86_capability` that decide how code is patched (arch/x86/include/asm/cpufeatures.h, macros). */
export const FEATURES = {
  retpoline: 11 * 32 + 12,
  retpolineLfence: 11 * 32 + 13,
  rethunk: 11 * 32 + 14,
  callDepth: 11 * 32 + 19,
} as const;

/**
 * What a running kernel decides by how it changes its own code; one for each look. HOSTILE: all of it is the
 * guest's.
 */
export class KernelState {
  readonly kernel: KernelReader;
  /** How it writes that nothing is to be done. */
  readonly nops: NoOperations;
  readonly #capabilities: Uint8Array;
  #modules: string | undefined;
  readonly #findInModules: (name: string) => Gva | undefined;
  /** What an address belongs to. */
  readonly symbolize: (address: Gva) => SymbolizedAddress | undefined;

  constructor(kernel: KernelReader) {
    this.kernel = kernel;
    this.symbolize = symbolizer(kernel);
    this.#findInModules = moduleSymbolFinder(kernel);
    const type = kernel.struct("cpuinfo_x86");
    this.#capabilities = type.bytes("x86_capability")(kernel.symbol("boot_cpu_data"));
    const ideal = this.symbol("ideal_nops");
    const chosen = ideal === undefined ? undefined : this.pointer(ideal);
    this.nops = chosen && this.functionAt(chosen) === "k8_nops" ? k8Nops : usualNops;
  }

  /** All features of the processors, hexadecimal. */
  get features(): string {
    return Buffer.from(this.#capabilities).toString("hex");
  }

  /** Why its code cannot be told from its file: ways of patching that are not known here; `undefined` where all are. */
  get unknownPatching(): string | undefined {
    if (this.symbol("call_depth_return_thunk") !== undefined && this.has(FEATURES.callDepth)) {
      return "The kernel counts calls (call depth tracking), which changes them all.";
    }
    if (this.symbol("__cfi_sites") !== undefined) {
      return "The kernel checks indirect calls (kCFI, FineIBT), which changes functions.";
    }
    return undefined;
  }

  /** Changes when modules come and go. */
  get modules(): string {
    this.#modules ??= [...walkModules(this.kernel)].join(" ");
    return this.#modules;
  }

  /** Whether processors have a feature, or a bug. */
  has(feature: number): boolean {
    return (((this.#capabilities[feature >>> 3] ?? 0) >>> (feature & 7)) & 1) !== 0;
  }

  symbol(name: string): CodeAddress | undefined {
    return this.kernel.hasSymbol(name) ? toCodeAddress(this.kernel.symbol(name)) : undefined;
  }

  /** Where a module has what is called `name`: code, data, or a variable of each processor (32 bits as well). */
  moduleSymbol(name: string): CodeAddress | undefined {
    const found = this.#findInModules(name);
    return found === undefined ? undefined : Number(BigInt.asIntN(32, found));
  }

  /** The name of the function of the kernel image that begins at `at`. */
  functionAt(at: CodeAddress): string | undefined {
    const found = this.symbolize(this.gva(at));
    return found?.offset === 0 && found.module === undefined ? found.name : undefined;
  }

  gva(at: CodeAddress): Gva {
    return gva(fromCodeAddress(at));
  }

  /** What the pointer at `at` points to; 0 for NULL, `undefined` where that is no code. */
  pointer(at: CodeAddress | Gva): CodeAddress | undefined {
    const place = typeof at === "bigint" ? at : this.gva(at);
    const { memory } = this.kernel;
    const low = memory.u32(place) | 0;
    const high = memory.u32(place, 4) | 0;
    if (low === 0 && high === 0) return 0;
    return high === -1 && low < 0 ? low : undefined;
  }
}
