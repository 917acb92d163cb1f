import { type Gva, gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import { CircleFinder } from "./circle-finder.ts";

const PREV = 8;

/**
 * Addresses of the structs on the `list_head` at `head`, whose own `list_head` is at `offset` in them
 * (include/linux/list.h). A node whose `prev` does not lead back marks the look as torn.
 */
export function* walkList(kernel: KernelReader, head: Gva, offset: number): Generator<Gva> {
  const distance = BigInt(offset);
  const circle = new CircleFinder();
  let previous = head;
  let node = kernel.link(head);
  while (node !== head) {
    kernel.budget.step();
    circle.visit(node);
    if (!kernel.memory.holds(node, PREV, previous)) kernel.markTorn();
    yield gva(node - distance);
    previous = node;
    node = kernel.link(node);
  }
}
