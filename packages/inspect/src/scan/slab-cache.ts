import type { Gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";

/** Layout of the slabs of one `kmem_cache` (mm/slab.h). */
export interface SlabCache {
  /** Address of the `kmem_cache`. */
  readonly address: Gva;
  /** As /proc/slabinfo calls it. HOSTILE. */
  readonly name: string;
  /** From one object of a slab to the next, in bytes. */
  readonly stride: number;
  /** Where the first object is in its slab, in bytes. */
  readonly first: number;
  /** Where a free object has the address of the next free one, in bytes. */
  readonly nextFree: number;
  /** What those addresses are mixed with (CONFIG_SLAB_FREELIST_HARDENED). */
  readonly random: bigint | undefined;
  /** Bytes of a slab at most. */
  readonly slabBytes: number;
}

const PAGE = 4096;
/** `OO_SHIFT` (mm/slub.c): `oo` has the order above it. */
const ORDER_SHIFT = 16;
/** `MAX_PAGE_ORDER`. */
const MAX_ORDER = 10;
/** `SLAB_RED_ZONE` (include/linux/slab.h): objects then start after a red zone. */
const RED_ZONE = 0x400;

/** The cache of that name (`task_struct`, `filp`, `TCP`); `undefined` where it is none of its own: caches merge. */
export function findSlabCache(kernel: KernelReader, name: string): SlabCache | undefined {
  const cache = kernel.struct("kmem_cache");
  const nameOf = cache.string("name");
  for (const at of cache.list(kernel.symbol("slab_caches"), "list")) {
    if (nameOf(at) === name) return readSlabCache(kernel, at);
  }
  return undefined;
}

/** The `kmem_cache` at `address`, as `task_struct_cachep` and its like point to one. */
export function readSlabCache(kernel: KernelReader, address: Gva): SlabCache {
  const cache = kernel.struct("kmem_cache");
  const order = (cache.number("oo")(address) >>> ORDER_SHIFT) & 0xffff;
  const padded = cache.has("red_left_pad") && (cache.number("flags")(address) & RED_ZONE) !== 0;
  return {
    address,
    name: cache.string("name")(address),
    stride: cache.number("size")(address),
    first: padded ? cache.number("red_left_pad")(address) : 0,
    nextFree: cache.number("offset")(address),
    random: cache.has("random") ? cache.bigint("random")(address) : undefined,
    slabBytes: PAGE * 2 ** Math.min(order, MAX_ORDER),
  };
}
