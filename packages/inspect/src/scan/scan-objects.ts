import { type Gva, gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import { freeObjectsOf, readCachedFreeObjects } from "./free-objects.ts";
import type { SlabCache } from "./slab-cache.ts";
import { walkSlabs } from "./walk-slabs.ts";

/** A place in RAM that holds, or held, an object of a cache. */
export interface SlabObject {
  readonly cache: SlabCache;
  readonly address: Gva;
  /** Whether the allocator has it as used; a guess, for free ones may wait in places that were not looked at. */
  readonly inUse: boolean;
}

/**
 * Every object of `caches` in all of RAM, free ones too, without following a list of the kernel's.
 *
 *     const cache = findSlabCache(kernel, "filp");
 *     for (const { address, inUse } of scanObjects(kernel, cache ? [cache] : [])) …
 *
 * Throws `kernel/damaged` where a cache contradicts itself, and `inspect/budget`.
 */
export function* scanObjects(
  kernel: KernelReader,
  caches: readonly SlabCache[],
): Generator<SlabObject> {
  const sane = caches.filter(({ stride, first }) => stride >= 8 && first >= 0 && first < stride);
  const type = kernel.struct(kernel.hasStruct("slab") ? "slab" : "page");
  const objectCount = type.number("objects");
  const freeInSlab = freeObjectsOf(kernel);
  const cached = new Map(sane.map((cache) => [cache, readCachedFreeObjects(kernel, cache)]));
  for (const slab of walkSlabs(kernel, sane)) {
    const { cache, address, length } = slab;
    const room = Math.floor((length - cache.first) / cache.stride);
    const count = Math.min(objectCount(slab.descriptor), room);
    const free = freeInSlab(slab);
    for (let i = 0; i < count; i += 1) {
      kernel.budget.step();
      const at = gva(address + BigInt(cache.first + i * cache.stride));
      const inUse = !free.has(at) && cached.get(cache)?.has(at) !== true;
      yield { cache, address: at, inUse };
    }
  }
}
