import { type Gva, gva } from "@casemate/core";
import { MemoryFault } from "../memory/memory-fault.ts";
import type { PageOwners } from "../memory/page-owners.ts";
import type { PhysicalReader } from "../memory/physical-reader.ts";
import type { KernelReader } from "./kernel-reader.ts";

const PAGE = 4096;

/** What the page cache holds: the reader for file contents. */
export class FileContentsReader {
  readonly #kernel: KernelReader;
  readonly #physical: PhysicalReader;
  readonly #owners: PageOwners | undefined;

  constructor(kernel: KernelReader, physical: PhysicalReader, owners: PageOwners | undefined) {
    this.#kernel = kernel;
    this.#physical = physical;
    this.#owners = owners;
  }

  /**
   * The 4096 bytes that the `struct page` at `page` stands for, copied: `page_to_pfn`. Throws
   * `kernel/damaged` where that is no page of a file.
   */
  page(page: Gva): Uint8Array {
    const size = BigInt(this.#kernel.struct("page").size);
    const distance = gva(page - this.#kernel.facts.vmemmapBase);
    const frame = Number(distance / size);
    const at = frame * PAGE;
    if (distance % size !== 0n || !this.#physical.has(at, PAGE)) {
      throw new MemoryFault(page, "no page of RAM behind it", "a struct page");
    }
    if (this.#owners !== undefined && this.#owners.ownerOf(frame) !== "file") {
      throw new MemoryFault(page, "a page that is no file's", "one of the page cache");
    }
    return this.#physical.copy(at, PAGE);
  }
}
