import { type Gva, gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import { MemoryFault } from "../memory/memory-fault.ts";

export interface MapleEntry {
  /** The range of indices that the entry stands for, both ends included. */
  readonly first: bigint;
  readonly last: bigint;
  readonly entry: Gva;
}

// lib/maple_tree.c, include/linux/maple_tree.h: nodes are aligned to 256 bytes, and a pointer to one has
// its type in bits 6:3.
const NODE_MASK = 0xffn;
const TYPE_SHIFT = 3n;
const TYPE_MASK = 0xfn;
const LEAF_64 = 1;
const RANGE_64 = 2;
const ARANGE_64 = 3;
/** `xa_is_node`, which the root uses too. */
const TAG = 3n;
const INTERNAL = 2n;
const HIGHEST_SPECIAL = 4096n;
const MAX_DEPTH = 31;
const LAST_INDEX = 0xffff_ffff_ffff_ffffn;

/** Where a node of a kind has its pivots and slots, and how many of them. */
interface NodeLayout {
  readonly pivots: number;
  readonly pivotCount: number;
  readonly slots: number;
  readonly slotCount: number;
}

type Layouts = Readonly<Record<number, NodeLayout>>;

/** Entries of the maple tree at `tree` in the order of their ranges; ranges must grow and stay in their node's. */
export function* walkMapleTree(kernel: KernelReader, tree: Gva): Generator<MapleEntry> {
  const root = kernel.link(tree, kernel.struct("maple_tree").offset("ma_root"));
  if ((root & TAG) === INTERNAL && root > HIGHEST_SPECIAL) {
    yield* walkNode(kernel, layoutsOf(kernel), root, 0n, LAST_INDEX, 0);
  } else if (root !== 0n) {
    yield { first: 0n, last: 0n, entry: root };
  }
}

/** By the types of nodes that stand for ranges. */
function layoutsOf(kernel: KernelReader): Layouts {
  const node = kernel.struct("maple_node");
  const layout = (part: string): NodeLayout => ({
    pivots: node.offset(`${part}.pivot`),
    pivotCount: node.length(`${part}.pivot`),
    slots: node.offset(`${part}.slot`),
    slotCount: node.length(`${part}.slot`),
  });
  const range = layout("mr64");
  return { [LEAF_64]: range, [RANGE_64]: range, [ARANGE_64]: layout("ma64") };
}

function* walkNode(
  kernel: KernelReader,
  layouts: Layouts,
  encoded: Gva,
  low: bigint,
  high: bigint,
  depth: number,
): Generator<MapleEntry> {
  const node = gva(encoded & ~NODE_MASK);
  const type = Number((encoded >> TYPE_SHIFT) & TYPE_MASK);
  const layout = layouts[type];
  if (layout === undefined || depth > MAX_DEPTH) {
    throw new MemoryFault(node, `a maple node of type ${type} at depth ${depth}`, "a range node");
  }
  const { pivots, pivotCount, slots, slotCount } = layout;

  let first = low;
  for (let slot = 0; slot < slotCount; slot += 1) {
    kernel.budget.step();
    const pivot = slot < pivotCount ? kernel.memory.u64(node, pivots + slot * 8) : high;
    // A pivot of 0 after the first slot says that this slot is the last one.
    const last = pivot === 0n && slot > 0 ? high : pivot;
    if (last < first || last > high) {
      throw new MemoryFault(node, "a maple node whose ranges overlap", "ranges that grow");
    }
    const entry = kernel.link(node, slots + slot * 8);
    if (type !== LEAF_64) {
      if (entry !== 0n) yield* walkNode(kernel, layouts, entry, first, last, depth + 1);
    } else if (entry !== 0n && (entry & TAG) !== INTERNAL) yield { first, last, entry };
    if (last === high) return;
    first = last + 1n;
  }
}
