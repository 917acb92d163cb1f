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
  const { vmemmapBase, directMapBase } = kernel.facts;

  for (const { start, end } of kernel.memory.ranges) {
    const last = end / PAGE;
    for (let first = start / PAGE; first < last; first += perPage - (first % perPage)) {
      const count = Math.min(perPage - (first % perPage), last - first);
      const at = gva(vmemmapBase + BigInt(first * pageType.size));
      const descriptors = readWords(kernel, at, count * words);
      if (descriptors === undefined) continue;
      for (let i = 0; i < count; i += 1) {
        const word = i * words + cacheWord;
        const candidates = wanted.get(descriptors[word] ?? 0);
        if (candidates === undefined) continue;
        for (const cache of candidates) {
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

/** `count` words at `at`; `undefined` where descriptors are not mapped: RAM that is not the kernel's. */
function readWords(kernel: KernelReader, at: Gva, count: number): Uint32Array | undefined {
  try {
    return new Uint32Array(kernel.memory.bytes(at, count * 4).buffer);
  } catch (thrown) {
    if (thrown instanceof MemoryFault) return undefined;
    throw thrown;
  }
}
