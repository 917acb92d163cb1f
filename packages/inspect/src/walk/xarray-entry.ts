import { type Gva, gva } from "@casemate/core";

// What a slot of an xarray may hold (include/linux/xarray.h). Internal entries end in binary 10: above
// 4096 they point to nodes, below they stand for the entry in another slot, or for nothing.
const TAG = 3n;
const INTERNAL = 2n;
const HIGHEST_SPECIAL = 4096n;

/** `xa_is_node`. */
export function isNode(entry: bigint): boolean {
  return (entry & TAG) === INTERNAL && entry > HIGHEST_SPECIAL;
}

/** Neither empty nor a sibling, retry or zero entry. */
export function isEntry(entry: bigint): boolean {
  return entry !== 0n && (entry & TAG) !== INTERNAL;
}

/** `xa_to_node`. */
export function nodeOf(entry: Gva): Gva {
  return gva(entry - INTERNAL);
}

/** The sibling entry that says that this slot belongs to the entry in `slot`: `xa_mk_sibling`. */
export function siblingOf(slot: number): bigint {
  return (BigInt(slot) << 2n) | INTERNAL;
}
