import { type Gva, gva } from "@casemate/core";
import type { Budget } from "../budget.ts";
import type { PagingLevels } from "./page-tables.ts";
import type { PhysicalReader } from "./physical-reader.ts";

/** A run of user addresses, whole pages: in RAM, or why not. */
export type UserPages =
  | {
      readonly kind: "present";
      readonly address: Gva;
      /** In bytes. */
      readonly length: number;
      /** Where it is in guest-physical memory, as one piece. */
      readonly physical: number;
    }
  | {
      /** `swapped` out or about to move, or `absent`: never touched, or not yet read from its file. */
      readonly kind: "swapped" | "absent";
      readonly address: Gva;
      readonly length: number;
    };

const PAGE = 4096;
const ENTRIES = 512;
// Page-table entries: Intel SDM vol. 3, 4.5 (tables 4-15 to 4-20).
const PRESENT = 0x01;
const PAGE_SIZE_BIT = 0x80;
const HIGH_ADDRESS = 0x000f_ffff;
/**
 * Linux's own: with PRESENT clear, a page in RAM that may not be touched now (mprotect, NUMA balancing);
 * its address is inverted against L1TF (arch/x86/include/asm/pgtable-invert.h).
 */
const PROTNONE = 0x100;

/**
 * What the page tables at `root` say of `[start, end)`, in the order of addresses, without a look at what
 * tables above leave out: a terabyte that nobody touched costs a few steps.
 *
 * HOSTILE: entries may point anywhere; a page costs a step of `budget` whatever they say.
 */
export function* walkUserPages(
  physical: PhysicalReader,
  root: number,
  levels: PagingLevels,
  start: Gva,
  end: Gva,
  budget: Budget,
): Generator<UserPages> {
  // Numbers of pages: exact in doubles, as addresses of 57 bits are not.
  const last = Number(end >> 12n);
  const top = { at: root, span: ENTRIES ** (levels - 1) };
  // The table whose entries are for single pages serves 512 of them.
  let table = top;
  for (let page = Number(start >> 12n); page < last; ) {
    budget.step();
    if (page % ENTRIES === 0) table = top;
    const found = findPage(physical, table, page);
    if (found.span === 1) table = { at: found.table, span: 1 };
    const inSpan = page % found.span;
    const pages = Math.min(found.span - inSpan, last - page);
    const address = gva(BigInt(page) << 12n);
    const length = pages * PAGE;
    const at = found.physical + inSpan * PAGE;
    if (found.kind !== "present") yield { kind: found.kind, address, length };
    else if (physical.has(at, length)) yield { kind: "present", address, length, physical: at };
    else yield { kind: "absent", address, length };
    page += pages;
  }
}

interface Found {
  readonly kind: UserPages["kind"];
  /** How many pages the entry stands for. */
  readonly span: number;
  readonly physical: number;
  /** Where the table is that has the entry. */
  readonly table: number;
}

/** A page table, and how many pages each of its entries stands for. */
interface Table {
  readonly at: number;
  readonly span: number;
}

function findPage(physical: PhysicalReader, from: Table, page: number): Found {
  let table = from.at;
  for (let { span } = from; ; span /= ENTRIES) {
    const at = table + (Math.floor(page / span) % ENTRIES) * 8;
    if (!physical.has(at, 8)) return { kind: "absent", span, physical: 0, table };
    const low = physical.u32(at);
    const high = physical.u32(at + 4);
    const isLeaf = span === 1 || (low & PAGE_SIZE_BIT) !== 0;
    if ((low & PRESENT) !== 0) {
      if (isLeaf) return { kind: "present", span, physical: addressOf(low, high, span), table };
      table = addressOf(low, high, 1);
    } else if (isLeaf && (low & PROTNONE) !== 0) {
      return { kind: "present", span, physical: addressOf(~low, ~high, span), table };
    } else {
      return { kind: low === 0 && high === 0 ? "absent" : "swapped", span, physical: 0, table };
    }
  }
}

/** The address in an entry that maps `span` pages at once. */
function addressOf(low: number, high: number, span: number): number {
  const address = (high & HIGH_ADDRESS) * 2 ** 32 + ((low & 0xffff_f000) >>> 0);
  return address - (address % (span * PAGE));
}
