import type { Gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import { MemoryFault } from "../memory/memory-fault.ts";
import { isEntry, isNode, nodeOf, siblingOf } from "./xarray-entry.ts";

export interface XarrayEntry {
  /** Exact up to 2^53. */
  readonly index: number;
  /** A pointer, or a value entry (odd; the value is `entry >> 1n`). */
  readonly entry: Gva;
  /** How many indices from `index` on the entry stands for: more than one in multi-index entries. */
  readonly count: number;
}

/** 64 bits of index, 6 a level, one more for the root. */
const MAX_DEPTH = 12;

/**
 * Entries of the xarray at `xarray` in the order of their indices. Radix trees and IDRs are xarrays since
 * 4.20. Each node's parent must be the one it was reached from, and its shift smaller.
 */
export function* walkXarray(kernel: KernelReader, xarray: Gva): Generator<XarrayEntry> {
  const head = kernel.link(xarray, kernel.struct("xarray").offset("xa_head"));
  if (isNode(head)) yield* walkNode(kernel, head, 0n, 0, Number.POSITIVE_INFINITY, 0);
  else if (isEntry(head)) yield { index: 0, entry: head, count: 1 };
}

function* walkNode(
  kernel: KernelReader,
  tagged: Gva,
  parent: bigint,
  first: number,
  above: number,
  depth: number,
): Generator<XarrayEntry> {
  const type = kernel.struct("xa_node");
  const node = nodeOf(tagged);
  const shift = type.number("shift")(node);
  const up = type.pointer("parent")(node);
  if (up !== parent || shift >= above || depth > MAX_DEPTH) {
    throw new MemoryFault(node, "an xarray node that does not fit", "one below its parent");
  }
  const slots = type.offset("slots");
  const length = type.length("slots");
  for (let slot = 0; slot < length; slot += 1) {
    const entry = kernel.link(node, slots + slot * 8);
    if (entry === 0n) continue;
    kernel.budget.step();
    const index = first + slot * 2 ** shift;
    if (isNode(entry)) yield* walkNode(kernel, entry, node, index, shift, depth + 1);
    else if (isEntry(entry)) {
      let end = slot + 1;
      const sibling = siblingOf(slot);
      while (end < length && kernel.link(node, slots + end * 8) === sibling) end += 1;
      yield { index, entry, count: (end - slot) * 2 ** shift };
    }
  }
}
