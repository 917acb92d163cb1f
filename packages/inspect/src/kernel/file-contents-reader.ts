import { type Gva, gva } from "@casemate/core";
import { MemoryFault } from "../memory/memory-fault.ts";
import type { PhysicalReader } from "../memory/physical-reader.ts";
import type { KernelReader } from "./kernel-reader.ts";

const PAGE = 4096;

/** What the page cache holds: the reader for file contents. */
export class FileContentsReader {
  readonly #kernel: KernelReader;
  readonly #physical: PhysicalReader;

  constructor(kernel: KernelReader, physical: PhysicalReader) {
    this.#kernel = kernel;
    this.#physical = physical;
  }

  /** The 4096 bytes that the `struct page` at `page` stands for, copied: `page_to_pfn`. */
  page(page: Gva): Uint8Array {
    const size = BigInt(this.#kernel.struct("page").size);
    const distance = gva(page - this.#kernel.facts.vmemmapBase);
    const frame = distance / size;
    const at = Number(frame) * PAGE;
    if (distance % size !== 0n || !this.#physical.has(at, PAGE)) {
      throw new MemoryFault(page, "no page of RAM behind it", "a struct page");
    }
    return this.#physical.copy(at, PAGE);
  }
}
