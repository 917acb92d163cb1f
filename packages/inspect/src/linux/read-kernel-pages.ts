import { formatAddress, type Gpa, type Gva, gpa, gva, toCasemateError } from "@casemate/core";
import type { Access } from "../kernel/data-class.ts";
import type { KernelReader } from "../kernel/kernel-reader.ts";

/** An entry of a page table on the way to a page. */
export interface PageTableEntry {
  /** The table, as Linux calls it: `pgd`, `p4d`, `pud`, `pmd`, `pte`. */
  readonly table: string;
  /** Where in guest-physical memory the entry is. */
  readonly at: Gpa;
  readonly entry: bigint;
}

/** A page of the kernel's memory. HOSTILE: its bytes are the guest's. */
export interface KernelPage {
  readonly address: Gva;
  readonly physical: Gpa;
  /** How the guest's page tables lead there, the top one first; the last entry maps the page. */
  readonly path: readonly PageTableEntry[];
  readonly bytes: Uint8Array;
}

/** What came of reading pages. */
export interface KernelPages {
  readonly pages: readonly KernelPage[];
  /** Addresses that are none of the kernel's own data, and why. */
  readonly missed: readonly { readonly address: Gva; readonly reason: string }[];
}

const PAGE = 4096;
const PAGE_SHIFT = 12;
const INDEX_BITS = 9;
const INDEX = 0x1ffn;
/** Of the tables of level 1 on. */
const TABLES = ["pte", "pmd", "pud", "p4d", "pgd"] as const;
// Entries: Intel SDM vol. 3, 4.5 (tables 4-15 to 4-20).
const PRESENT = 0x01n;
const PAGE_SIZE_BIT = 0x80n;
const ADDRESS = 0x000f_ffff_ffff_f000n;

/**
 * Reads the pages that the addresses are in, each page once. Pages of processes and of files are missed,
 * whatever address of the kernel's leads to them.
 *
 * HOSTILE: addresses may be anything; a page table's path has at most five steps.
 */
export function readKernelPages(
  { kernel, text }: Access<"kernelMetadata" | "kernelText">,
  addresses: readonly Gva[],
): KernelPages {
  const pages: KernelPage[] = [];
  const missed: { readonly address: Gva; readonly reason: string }[] = [];
  for (const address of new Set(addresses.map(startOfPage))) {
    kernel.budget.step();
    try {
      const { start, end } = text.range;
      // Instructions have a reader of their own.
      const isText = address >= start && address < end;
      const { textBase, physicalBase } = kernel.facts;
      const physical = isText
        ? physicalBase + Number(address - textBase)
        : kernel.memory.translate(address);
      const bytes = isText ? text.bytes(address, PAGE) : kernel.memory.bytes(address, PAGE);
      const path = walkPageTables(kernel, address);
      pages.push({ address, physical: gpa(physical), path, bytes });
    } catch (thrown) {
      const { code, message } = toCasemateError(thrown);
      if (code !== "kernel/damaged") throw thrown;
      missed.push({ address, reason: message });
    }
  }
  return { pages, missed };
}

/** The entries that lead from the kernel's top page table to `address`. */
function walkPageTables(kernel: KernelReader, address: Gva): readonly PageTableEntry[] {
  const { pageTableRoot, pagingLevels, directMapBase } = kernel.facts;
  const path: PageTableEntry[] = [];
  let table: number = pageTableRoot;
  for (let level: number = pagingLevels; level >= 1; level -= 1) {
    const index = (address >> BigInt(PAGE_SHIFT + INDEX_BITS * (level - 1))) & INDEX;
    const at = gpa(table + Number(index) * 8);
    const entry = kernel.memory.u64(gva(directMapBase + BigInt(at)));
    path.push({ table: TABLES[level - 1] ?? formatAddress(at), at, entry });
    const isPage = level <= 3 && (entry & PAGE_SIZE_BIT) !== 0n;
    if ((entry & PRESENT) === 0n || isPage) break;
    table = Number(entry & ADDRESS);
  }
  return path;
}

function startOfPage(address: Gva): Gva {
  return gva(address - (address % BigInt(PAGE)));
}
