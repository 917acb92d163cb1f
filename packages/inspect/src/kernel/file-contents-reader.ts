import type { Gva } from "@casemate/core";
import { MemoryFault } from "../memory/memory-fault.ts";
import type { PageOwners } from "../memory/page-owners.ts";
import type { PhysicalReader } from "../memory/physical-reader.ts";
import { toSignedNumber } from "../to-number.ts";
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
   * The 4096 bytes that the `struct page` at `page` stands for, copied (into `target`, where that is given):
   * `page_to_pfn`. Throws `kernel/damaged` where that is no page of a file.
   */
  page(page: Gva, target: Uint8Array<ArrayBuffer> = new Uint8Array(PAGE)): Uint8Array {
    const { size } = this.#kernel.struct("page");
    // Exact wherever RAM has a page.
    const frame = toSignedNumber(page - this.#kernel.facts.vmemmapBase) / size;
    const at = frame * PAGE;
    if (!Number.isInteger(frame) || !this.#physical.has(at, PAGE)) {
      throw new MemoryFault(page, "no page of RAM behind it", "a struct page");
    }
    if (this.#owners !== undefined && this.#owners.ownerOf(frame) !== "file") {
      throw new MemoryFault(page, "a page that is no file's", "one of the page cache");
    }
    this.#physical.copyInto(target, at);
    return target;
  }
}
