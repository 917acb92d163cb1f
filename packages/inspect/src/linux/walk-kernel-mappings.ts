import { type Gva, gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";

/** A run of kernel addresses that is mapped with the same rights, by pages of one size. */
export interface Mapping {
  readonly start: Gva;
  /** In bytes. */
  readonly size: number;
  readonly isWritable: boolean;
  readonly isExecutable: boolean;
  /** Whether programs may use it. */
  readonly isUser: boolean;
}

// Bits of entries: Intel SDM vol. 3, 4.5 (tables 4-15 to 4-20); those of the upper half are counted from bit 32.
const PRESENT = 0x01;
const WRITABLE = 0x02;
const USER = 0x04;
const PAGE_SIZE_BIT = 0x80;
const NO_EXECUTE = 0x8000_0000;
const HIGH_ADDRESS = 0x000f_ffff;

const PAGE = 4096;
const PAGE_SHIFT = 12;
const ENTRIES = 512;
const INDEX_BITS = 9;
/** Entries of the third level may be pages of 1 GiB. */
const LARGEST_PAGE = 3;
/** Addresses of the kernel are in the upper half of the top table. */
const KERNEL_HALF = 256;

/** What the entries on the way to a page allow, all of them. */
const WRITE = 1;
const EXECUTE = 2;
const USE = 4;
const ALL_RIGHTS = WRITE | EXECUTE | USE;

/** The rights of a page. */
export type Rights = Pick<Mapping, "isWritable" | "isExecutable" | "isUser">;

/**
 * Memory that the kernel's own page tables (`init_top_pgt`) map with rights that `isOdd` picks, of which no
 * fewer rights may be odd. A table that several addresses share is read once for each set of rights above it.
 * `visit` is told how many pages each table maps.
 *
 * HOSTILE: tables may point anywhere, at themselves too; there are at most five levels.
 */
export function* walkKernelMappings(
  kernel: KernelReader,
  isOdd: (rights: Rights) => boolean,
  visit: (pages: number) => void,
): Generator<Mapping> {
  const { pageTableRoot, pagingLevels, directMapBase } = kernel.facts;
  const odd = Array.from({ length: ALL_RIGHTS + 1 }, (_, rights) => isOdd(describe(rights)));
  const seen = new Set<number>();
  // Of each level one table is looked at at a time.
  const tables = Array.from({ length: pagingLevels }, () => new Uint32Array(2 * ENTRIES));

  const walk = function* (
    table: number,
    level: number,
    base: bigint,
    above: number,
  ): Generator<Mapping> {
    const key = ((table / PAGE) * (ALL_RIGHTS + 1) + above) * 8 + level;
    if (seen.has(key)) return;
    seen.add(key);
    kernel.budget.step();
    const at = gva(directMapBase + BigInt(table));
    const words = tables[level - 1];
    if (words === undefined) return;
    const copy = () => {
      kernel.memory.copyInto(new Uint8Array(words.buffer), at);
      return words;
    };
    if (kernel.attempt(copy, "page table", at) === undefined) return;
    const shift = PAGE_SHIFT + INDEX_BITS * (level - 1);
    const first = level === pagingLevels ? KERNEL_HALF : 0;
    const { pages, found } = findOdd(words, { first, level, above, odd });
    for (const index of found) {
      const low = words[2 * index] ?? 0;
      const high = words[2 * index + 1] ?? 0;
      const rights = rightsOf(low, high) & above;
      const start = addressOf(base, index, shift);
      if (isPage(low, level)) {
        yield { start: gva(start), size: 2 ** shift, ...describe(rights) };
      } else {
        const next = (high & HIGH_ADDRESS) * 2 ** 32 + ((low & 0xffff_f000) >>> 0);
        yield* walk(next, level - 1, start, rights);
      }
    }
    visit(pages);
  };
  yield* walk(pageTableRoot, pagingLevels, 0n, ALL_RIGHTS);
}

/** Which entries of a table to look at, and which rights are odd, by their number. */
interface OddSearch {
  readonly first: number;
  readonly level: number;
  readonly above: number;
  readonly odd: readonly boolean[];
}

/** Indices of entries with odd rights, and how many of all are pages: most entries are neither walked nor told. */
function findOdd(
  words: Uint32Array,
  { first, level, above, odd }: OddSearch,
): { readonly pages: number; readonly found: readonly number[] } {
  const found: number[] = [];
  let pages = 0;
  for (let index = first; index < ENTRIES; index += 1) {
    const low = words[2 * index] ?? 0;
    if ((low & PRESENT) === 0) continue;
    if (isPage(low, level)) pages += 1;
    // Rights only get fewer on the way down.
    if (odd[rightsOf(low, words[2 * index + 1] ?? 0) & above] === true) found.push(index);
  }
  return { pages, found };
}

/** What an entry of two halves allows by itself. */
function rightsOf(low: number, high: number): number {
  return (
    ((low & WRITABLE) === 0 ? 0 : WRITE) |
    (high >= NO_EXECUTE ? 0 : EXECUTE) |
    ((low & USER) === 0 ? 0 : USE)
  );
}

/** Whether an entry of a table of `level` maps a page, and leads to no other table. */
function isPage(low: number, level: number): boolean {
  return level === 1 || (level <= LARGEST_PAGE && (low & PAGE_SIZE_BIT) !== 0);
}

function describe(rights: number): Rights {
  return {
    isWritable: (rights & WRITE) !== 0,
    isExecutable: (rights & EXECUTE) !== 0,
    isUser: (rights & USE) !== 0,
  };
}

function addressOf(base: bigint, index: number, shift: number): bigint {
  const address = base | (BigInt(index) << BigInt(shift));
  // Bits above the translated ones equal the highest of those.
  return base === 0n ? BigInt.asUintN(64, BigInt.asIntN(shift + INDEX_BITS, address)) : address;
}
