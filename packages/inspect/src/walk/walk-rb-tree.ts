import { type Gva, gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import { MemoryFault } from "../memory/memory-fault.ts";
import { highHalf, lowHalf } from "../to-number.ts";

/** A red-black tree of 2^64 nodes is not deeper. */
const MAX_DEPTH = 128;
/** The low bits of `__rb_parent_color` are the colour. */
const COLOUR = 3;

/**
 * Structs in the `rb_root` at `root`, in order; `offset` is that of their `rb_node`
 * (include/linux/rbtree.h). Each node's parent must be the one it was reached from, and its children
 * must be two, so that no node can be reached twice.
 */
export function* walkRbTree(kernel: KernelReader, root: Gva, offset: number): Generator<Gva> {
  const node = kernel.struct("rb_node");
  const left = node.offset("rb_left");
  const right = node.offset("rb_right");
  const parentColour = node.offset("__rb_parent_color");
  const distance = BigInt(offset);
  const above: Gva[] = [];

  const enter = (child: Gva, parent: bigint) => {
    kernel.budget.step();
    const low = (kernel.memory.u32(child, parentColour) & ~COLOUR) >>> 0;
    const high = kernel.memory.u32(child, parentColour + 4);
    if (low !== lowHalf(parent) || high !== highHalf(parent)) {
      throw new MemoryFault(child, "a tree node with another parent", "the one above it");
    }
    if (above.length === MAX_DEPTH) {
      throw new MemoryFault(child, `a tree deeper than ${MAX_DEPTH}`, "a balanced tree");
    }
    above.push(child);
  };
  const descend = (from: Gva, parent: bigint) => {
    let up = parent;
    for (let at = from; at !== 0n; at = kernel.link(at, left)) {
      enter(at, up);
      up = at;
    }
  };

  descend(kernel.link(root), 0n);
  for (let at = above.pop(); at !== undefined; at = above.pop()) {
    yield gva(at - distance);
    const after = kernel.link(at, right);
    if (after !== 0n && kernel.memory.holds(at, left, after)) {
      throw new MemoryFault(at, "a tree node with one child on both sides", "two children");
    }
    descend(after, at);
  }
}
