import { type Gva, gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import { MemoryFault } from "../memory/memory-fault.ts";
import type { SlabCache } from "./slab-cache.ts";
import type { Slab } from "./walk-slabs.ts";

/** `slab->objects` has 15 bits. */
const MAX_OBJECTS = 32_767;
/** Sheaves hold 512 objects in kernels of today, a node's barn 10 full ones. */
const MAX_SHEAF = 4096;
const MAX_SHEAVES = 64;

/** Reads the addresses on a slab's own list of free objects. */
export function freeObjectsOf(kernel: KernelReader): (slab: Slab) => ReadonlySet<bigint> {
  const type = kernel.struct(kernel.hasStruct("slab") ? "slab" : "page");
  const freelist = type.pointer("freelist");
  return ({ cache, descriptor }) => {
    const free = new Set<bigint>();
    followFreelist(kernel, cache, freelist(descriptor), free);
    return free;
  };
}

/**
 * Addresses of free objects that processors keep at hand, which their slabs count as used: `cpu_slab`, and
 * since 6.18 sheaves.
 */
export function readCachedFreeObjects(kernel: KernelReader, cache: SlabCache): ReadonlySet<bigint> {
  const free = new Set<bigint>();
  const type = kernel.struct("kmem_cache");
  if (type.has("cpu_slab") && kernel.hasStruct("kmem_cache_cpu")) {
    const perCpu = type.pointer("cpu_slab")(cache.address);
    const freelist = kernel.struct("kmem_cache_cpu").pointer("freelist");
    for (const cpu of kernel.onlineCpus()) {
      followFreelist(kernel, cache, freelist(kernel.perCpu(perCpu, cpu)), free);
    }
  }
  if (type.has("cpu_sheaves")) {
    const perCpu = type.pointer("cpu_sheaves")(cache.address);
    const sheaves = kernel.struct("slub_percpu_sheaves");
    const members = ["main", "spare", "rcu_free"].filter((member) => sheaves.has(member));
    const pointers = members.map((member) => sheaves.pointer(member));
    for (const cpu of kernel.onlineCpus()) {
      const at = kernel.perCpu(perCpu, cpu);
      for (const pointer of pointers) readSheaf(kernel, pointer(at), free);
    }
    for (const sheaf of walkBarns(kernel, cache.address)) readSheaf(kernel, sheaf, free);
  }
  return free;
}

/** Full sheaves that nodes keep (`node_barn`). */
function* walkBarns(kernel: KernelReader, cache: Gva): Generator<Gva> {
  if (!kernel.hasStruct("kmem_cache_per_node_ptrs")) return;
  const pointers = kernel.struct("kmem_cache_per_node_ptrs");
  const [path] = ["per_node", "node"].filter((member) => kernel.struct("kmem_cache").has(member));
  if (path === undefined || !pointers.has("barn")) return;
  const nodes = kernel.struct("kmem_cache").address(path)(cache);
  // Lab guests and most others have one node; memory of others is found by its pages all the same.
  const barn = pointers.pointer("barn")(nodes);
  if (barn === 0n) return;
  const head = kernel.struct("node_barn").address("sheaves_full")(barn);
  let count = 0;
  for (const sheaf of kernel.struct("slab_sheaf").list(head, "barn_list")) {
    count += 1;
    if (count > MAX_SHEAVES) return;
    yield sheaf;
  }
}

function readSheaf(kernel: KernelReader, sheaf: Gva, free: Set<bigint>): void {
  if (sheaf === 0n) return;
  const type = kernel.struct("slab_sheaf");
  const objects = type.offset("objects");
  const count = Math.min(type.number("size")(sheaf), MAX_SHEAF);
  for (let i = 0; i < count; i += 1) {
    kernel.budget.step();
    free.add(kernel.memory.pointer(sheaf, objects + i * 8));
  }
}

/**
 * Adds the objects from `first` on to `free`.
 *
 * HOSTILE: a list that leads nowhere ends there: whether an object is free is a guess and stays one.
 */
function followFreelist(
  kernel: KernelReader,
  cache: SlabCache,
  first: Gva,
  free: Set<bigint>,
): void {
  let object = first;
  for (let i = 0; object !== 0n && i < MAX_OBJECTS && !free.has(object); i += 1) {
    kernel.budget.step();
    free.add(object);
    const place = gva(object + BigInt(cache.nextFree));
    try {
      object = decodePointer(cache, kernel.memory.u64(place), place);
    } catch (thrown) {
      if (thrown instanceof MemoryFault) return;
      throw thrown;
    }
  }
}

const scratch = new DataView(new ArrayBuffer(8));

/** `freelist_ptr_decode` (mm/slub.c): mixed with a number of the cache and its own address, turned around. */
function decodePointer({ random }: SlabCache, stored: bigint, place: Gva): Gva {
  if (random === undefined) return gva(stored);
  scratch.setBigUint64(0, place, true);
  return gva(stored ^ random ^ scratch.getBigUint64(0, false));
}
