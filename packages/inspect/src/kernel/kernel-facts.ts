import type { Gpa, Gva } from "@casemate/core";
import type { PagingLevels } from "../memory/page-tables.ts";

/** Where a kernel is and how its memory is laid out; fixed from its boot on. */
export interface KernelFacts {
  /** The whole `linux_banner`, without its newline. */
  readonly banner: string;
  /** `uname -r`. */
  readonly release: string;
  /** NT_GNU_BUILD_ID in hexadecimal, where the kernel carries one. */
  readonly buildId: string | undefined;
  /**
   * Whether its types are from its own memory, of another guest that had its very symbols, or from the
   * kernel image of its build that is on its disk.
   */
  readonly types: "own" | "cached" | "disk";
  /** `_text`, with KASLR. */
  readonly textBase: Gva;
  /** From `_text` to `_end`, in bytes. */
  readonly imageSize: number;
  /** Where `_text` is in guest-physical memory. */
  readonly physicalBase: Gpa;
  /** How far KASLR moved the kernel, in bytes; 0 without. */
  readonly kaslrOffset: number;
  readonly pagingLevels: PagingLevels;
  /** The top page table, in guest-physical memory. */
  readonly pageTableRoot: Gpa;
  /** `page_offset_base`: where all of RAM is mapped. */
  readonly directMapBase: Gva;
  readonly vmallocBase: Gva;
  readonly vmemmapBase: Gva;
}
