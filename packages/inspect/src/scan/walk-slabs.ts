import { type Gva, gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import { MemoryFault } from "../memory/memory-fault.ts";
import { highHalf, lowHalf } from "../to-number.ts";
import type { SlabCache } from "./slab-cache.ts";

/** Pages that hold objects of one cache. */
export interface Slab {
  readonly cache: SlabCache;
  /** Of its first page, in the direct map. */
  readonly address: Gva;
  /** In bytes; never more than RAM has from there on. */
  readonly length: number;
  /** Address of its `struct slab`, or its `struct page` before 5.17. */
  readonly descriptor: Gva;
}

const PAGE = 4096;
/** So many pages of descriptors are read at once: 64 KiB, of 4 MiB of RAM. */
const PAGES_PER_READ = 16;
/** A power of two. */
const SLOTS = 2 ** 16;

/**
 * Every slab of `caches` in all of RAM: the page descriptors of all pages are asked which cache the page
 * belongs to, and no list is followed. What was taken off every list is found all the same.
 *
 * Descriptors are 16 MiB for each GiB of RAM; reading them costs 131,072 steps of the budget.
 *
 * HOSTILE: a descriptor may name a cache without being one of its slabs; who reads objects checks them.
 */
export function* walkSlabs(kernel: KernelReader, caches: readonly SlabCache[]): Generator<Slab> {
  const pageType = kernel.struct("page");
  const slabType = kernel.hasStruct("slab") ? kernel.struct("slab") : pageType;
  const words = pageType.size / 4;
  const cacheWord = slabType.offset("slab_cache") / 4;
  // By the low half of their addresses: one question for each page, however many caches there are.
  const wanted = Map.groupBy(caches, ({ address }) => lowHalf(address));
  const isUnlikely = unlikely(wanted.keys());
  const { vmemmapBase, directMapBase } = kernel.facts;
  for (const { start, end } of kernel.memory.ranges) {
    for (const { first, descriptors } of readDescriptors(kernel, start / PAGE, end / PAGE)) {
      for (const word of findLikely(descriptors, words, cacheWord, isUnlikely)) {
        const frame = first + (word - cacheWord) / words;
        for (const cache of wanted.get(descriptors[word] ?? 0) ?? []) {
          if (descriptors[word + 1] !== highHalf(cache.address)) continue;
          yield {
            cache,
            address: gva(directMapBase + BigInt(frame * PAGE)),
            length: Math.min(cache.slabBytes, end - frame * PAGE),
            descriptor: gva(vmemmapBase + BigInt(frame * pageType.size)),
          };
        }
      }
    }
  }
}

/** Descriptors of pages that follow each other. */
interface Descriptors {
  /** The number of the first page. */
  readonly first: number;
  /** They serve until the next ones are read. */
  readonly descriptors: Uint32Array;
}

/**
 * Reads the descriptors of the pages from `first` up to `last`, many at once; where not all of those are mapped,
 * page by page of descriptors: RAM that is not the kernel's has none.
 */
function* readDescriptors(
  kernel: KernelReader,
  first: number,
  last: number,
): Generator<Descriptors> {
  const { size } = kernel.struct("page");
  const perPage = Math.floor(PAGE / size);
  const perRead = perPage * PAGES_PER_READ;
  const room = new Uint32Array((perRead * size) / 4);
  const read = (from: number, count: number): Descriptors | undefined => {
    const descriptors = room.subarray(0, (count * size) / 4);
    const at = gva(kernel.facts.vmemmapBase + BigInt(from * size));
    return copyWords(kernel, at, descriptors) ? { first: from, descriptors } : undefined;
  };
  for (let from = first; from < last; from += perRead - (from % perRead)) {
    const end = Math.min(from + perRead - (from % perRead), last);
    const whole = read(from, end - from);
    if (whole !== undefined) {
      yield whole;
      continue;
    }
    for (let each = from; each < end; each += perPage - (each % perPage)) {
      const few = read(each, Math.min(perPage - (each % perPage), end - each));
      if (few !== undefined) yield few;
    }
  }
}

/** Where descriptors name what may be a wanted cache: indices of the words that begin its address. */
function findLikely(
  descriptors: Uint32Array,
  words: number,
  cacheWord: number,
  isUnlikely: Uint8Array,
): readonly number[] {
  const found: number[] = [];
  for (let word = cacheWord; word < descriptors.length; word += words) {
    if (isUnlikely[slotOf(descriptors[word] ?? 0)] !== 1) found.push(word);
  }
  return found;
}

/** Of each slot whether no wanted number has it: few pages have a cache, and fewer a wanted one. */
function unlikely(wanted: Iterable<number>): Uint8Array {
  const slots = new Uint8Array(SLOTS).fill(1);
  for (const low of wanted) slots[slotOf(low)] = 0;
  return slots;
}

/** Caches are aligned to 8 bytes at least. */
function slotOf(low: number): number {
  return (low >>> 3) & (SLOTS - 1);
}

/** Fills `words` with what is at `at`; false where descriptors are not mapped: RAM that is not the kernel's. */
function copyWords(kernel: KernelReader, at: Gva, words: Uint32Array): boolean {
  try {
    kernel.memory.copyInto(new Uint8Array(words.buffer, words.byteOffset, words.byteLength), at);
    return true;
  } catch (thrown) {
    if (thrown instanceof MemoryFault) return false;
    throw thrown;
  }
}
