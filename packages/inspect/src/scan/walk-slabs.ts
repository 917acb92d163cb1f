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
  const perPage = Math.floor(PAGE / pageType.size);
  // By the low half of their addresses: one question for each page, however many caches there are.
  const wanted = Map.groupBy(caches, ({ address }) => lowHalf(address));
  const isUnlikely = unlikely(wanted.keys());
  const descriptors = new Uint32Array(perPage * words);
  const { vmemmapBase, directMapBase } = kernel.facts;

  for (const { start, end } of kernel.memory.ranges) {
    const last = end / PAGE;
    for (let first = start / PAGE; first < last; first += perPage - (first % perPage)) {
      const count = Math.min(perPage - (first % perPage), last - first);
      const at = gva(vmemmapBase + BigInt(first * pageType.size));
      if (!copyWords(kernel, at, descriptors.subarray(0, count * words))) continue;
      for (let i = 0; i < count; i += 1) {
        const word = i * words + cacheWord;
        const low = descriptors[word] ?? 0;
        if (isUnlikely[slotOf(low)] === 1) continue;
        for (const cache of wanted.get(low) ?? []) {
          if (descriptors[word + 1] !== highHalf(cache.address)) continue;
          yield {
            cache,
            address: gva(directMapBase + BigInt((first + i) * PAGE)),
            length: Math.min(cache.slabBytes, end - (first + i) * PAGE),
            descriptor: gva(at + BigInt(i * pageType.size)),
          };
        }
      }
    }
  }
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
