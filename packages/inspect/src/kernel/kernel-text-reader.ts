import type { Gva } from "@casemate/core";
import { MemoryFault } from "../memory/memory-fault.ts";
import type { PhysicalReader } from "../memory/physical-reader.ts";
import type { KernelReader } from "./kernel-reader.ts";

/** The instructions of the kernel image: the reader for kernel text. */
export class KernelTextReader {
  readonly #kernel: KernelReader;
  readonly #physical: PhysicalReader;

  constructor(kernel: KernelReader, physical: PhysicalReader) {
    this.#kernel = kernel;
    this.#physical = physical;
  }

  /** `[_stext, _etext)`. */
  get range(): { readonly start: Gva; readonly end: Gva } {
    return { start: this.#kernel.symbol("_stext", "_text"), end: this.#kernel.symbol("_etext") };
  }

  /** `length` bytes of instructions at `at`, copied. Throws `kernel/damaged` outside of the text. */
  bytes(at: Gva, length: number): Uint8Array {
    return this.#physical.copy(this.#locate(at, length), length);
  }

  /** As `bytes`, but not copied where one window of memory holds them: they change when a live guest runs. */
  view(at: Gva, length: number): Uint8Array {
    return this.#physical.piece(this.#locate(at, length), length);
  }

  #locate(at: Gva, length: number): number {
    const { start, end } = this.range;
    if (at < start || length < 0 || at + BigInt(length) > end) {
      throw new MemoryFault(at, `${length} bytes outside of the kernel's text`, "bytes inside");
    }
    const { textBase, physicalBase } = this.#kernel.facts;
    return physicalBase + Number(at - textBase);
  }
}
