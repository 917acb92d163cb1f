import { type Gva, gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import { MemoryFault } from "../memory/memory-fault.ts";
import { isEntry, isNode, nodeOf } from "./xarray-entry.ts";

const NONE = gva(0n);

/** The entry at `index` of the xarray at `xarray`, `0n` where there is none: `xa_load`, for single-index entries. */
export function loadXarray(kernel: KernelReader, xarray: Gva, index: number): Gva {
  const type = kernel.struct("xa_node");
  const slots = type.offset("slots");
  const length = type.length("slots");
  let entry = kernel.link(xarray, kernel.struct("xarray").offset("xa_head"));
  if (!isNode(entry)) return index === 0 && isEntry(entry) ? entry : NONE;
  let rest = index;
  for (let above = Number.POSITIVE_INFINITY; isNode(entry); ) {
    kernel.budget.step();
    const node = nodeOf(entry);
    const shift = type.number("shift")(node);
    if (shift >= above) {
      throw new MemoryFault(node, "an xarray node that does not fit", "one below its parent");
    }
    above = shift;
    const slot = Math.floor(rest / 2 ** shift);
    if (!(slot >= 0 && slot < length)) return NONE;
    rest -= slot * 2 ** shift;
    entry = kernel.link(node, slots + slot * 8);
  }
  return isEntry(entry) ? entry : NONE;
}
