import { type Gva, gva } from "@casemate/core";
import { isNode, nodeOf } from "../../src/walk/xarray-entry.ts";
import type { GuestEditor } from "./guest-editor.ts";

const PREV = 8;

/** Takes the `list_head` at `node` off its list, and leaves it as it is: `__list_del_entry`. */
export function unlink(guest: GuestEditor, node: Gva): readonly Disposable[] {
  const next = gva(guest.u64(node));
  const previous = gva(guest.u64(gva(node + BigInt(PREV))));
  return [guest.writeU64(previous, next), guest.writeU64(gva(next + BigInt(PREV)), previous)];
}

/** As `unlink`, and leaves poison in the node as the kernel does: `list_del` (include/linux/poison.h). */
export function listDel(guest: GuestEditor, node: Gva): readonly Disposable[] {
  return [
    ...unlink(guest, node),
    guest.writeU64(node, 0xdead_0000_0000_0100n),
    guest.writeU64(gva(node + BigInt(PREV)), 0xdead_0000_0000_0122n),
  ];
}

/** Takes the `hlist_node` (or `hlist_nulls_node`) at `node` out of its chain: `__hlist_del`. */
export function unhash(guest: GuestEditor, node: Gva): readonly Disposable[] {
  const next = gva(guest.u64(node));
  const previous = gva(guest.u64(gva(node + BigInt(PREV))));
  const changes = [guest.writeU64(previous, next)];
  // The last of a chain has NULL after it, or an odd number.
  if (next !== 0n && (next & 1n) === 0n) {
    changes.push(guest.writeU64(gva(next + BigInt(PREV)), previous));
  }
  return changes;
}

/** Empties the slot of `index` in the IDR at `idr`. */
export function eraseFromIdr(guest: GuestEditor, idr: Gva, index: number): Disposable {
  const slot = guest.look(({ kernel }) => {
    const type = kernel.struct("idr");
    const node = kernel.struct("xa_node");
    let at = gva(type.address("idr_rt")(idr) + BigInt(kernel.struct("xarray").offset("xa_head")));
    let rest = index - type.number("idr_base")(idr);
    for (let entry = kernel.memory.pointer(at); isNode(entry); entry = kernel.memory.pointer(at)) {
      const shift = node.number("shift")(nodeOf(entry));
      const offset = node.offset("slots") + Math.floor(rest / 2 ** shift) * 8;
      rest %= 2 ** shift;
      at = gva(nodeOf(entry) + BigInt(offset));
    }
    return at;
  });
  return guest.writeU64(slot, 0n);
}

/** Takes the `rb_node` at `node`, which has one child at most, out of its tree, without a thought for its colours. */
export function unlinkFromTree(guest: GuestEditor, node: Gva): readonly Disposable[] {
  const right = gva(node + 8n);
  const left = gva(node + 16n);
  const above = guest.u64(node) & ~3n;
  const child = guest.u64(left) === 0n ? guest.u64(right) : guest.u64(left);
  const isLeft = guest.u64(gva(above + 16n)) === node;
  const changes = [guest.writeU64(gva(above + (isLeft ? 16n : 8n)), child)];
  if (child !== 0n) {
    changes.push(guest.writeU64(gva(child), above | (guest.u64(gva(child)) & 1n)));
  }
  return changes;
}
