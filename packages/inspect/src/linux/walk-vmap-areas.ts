import { type Gva, gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import { MemoryFault } from "../memory/memory-fault.ts";

/** A run of kernel addresses that `vmalloc` and its like gave out. */
export interface VmapArea {
  /** Address of its `vmap_area`. */
  readonly area: Gva;
  readonly start: Gva;
  readonly end: Gva;
  /** Address of its `vm_struct`; `0n` where it has none. */
  readonly vm: Gva;
}

/** A red-black tree of 2^64 nodes is not deeper. */
const MAX_DEPTH = 128;
/** `nr_vmap_nodes` is at most that (mm/vmalloc.c, `vmap_init_nodes`). */
const MAX_NODES = 256;

/** Areas in use that end after `from`, those of a tree in the order of their addresses; one tree up to 6.8. */
export function* walkVmapAreas(kernel: KernelReader, from: Gva): Generator<VmapArea> {
  if (kernel.hasSymbol("vmap_area_root")) {
    yield* walkTree(kernel, kernel.symbol("vmap_area_root"), from);
    return;
  }
  const node = kernel.struct("vmap_node");
  const root = node.address("busy.root");
  const first = kernel.memory.pointer(kernel.symbol("vmap_nodes"));
  const count = kernel.memory.u32(kernel.symbol("nr_vmap_nodes"));
  if (count > MAX_NODES)
    throw new MemoryFault(first, `${count} trees of areas`, `at most ${MAX_NODES}`);
  for (let i = 0; i < count; i += 1) {
    kernel.budget.step();
    yield* walkTree(kernel, root(node.element(first, i)), from);
  }
}

/** In order, without what is below nodes that lie before `from`. */
function* walkTree(kernel: KernelReader, root: Gva, from: Gva): Generator<VmapArea> {
  const type = kernel.struct("vmap_area");
  const start = type.pointer("va_start");
  const end = type.pointer("va_end");
  const vm = type.pointer("vm");
  const distance = BigInt(type.offset("rb_node"));
  const links = kernel.struct("rb_node");
  const left = links.offset("rb_left");
  const right = links.offset("rb_right");
  const above: Gva[] = [];
  const descend = (top: Gva) => {
    for (let node = top; node !== 0n; ) {
      kernel.budget.step();
      if (above.length > MAX_DEPTH) {
        throw new MemoryFault(node, `a tree deeper than ${MAX_DEPTH}`, "a balanced tree");
      }
      const isBefore = end(gva(node - distance)) <= from;
      if (!isBefore) above.push(node);
      node = kernel.link(node, isBefore ? right : left);
    }
  };
  let last = 0n;
  descend(kernel.link(root));
  for (let node = above.pop(); node !== undefined; node = above.pop()) {
    const area = gva(node - distance);
    const found = { area, start: start(area), end: end(area), vm: vm(area) };
    // HOSTILE: in order, so that a walk in circles ends.
    if (found.start < last || found.end <= found.start) {
      throw new MemoryFault(area, "an area out of order", "areas in the order of addresses");
    }
    last = found.end;
    yield found;
    descend(kernel.link(node, right));
  }
}
