import { type Gva, gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import { CircleFinder } from "./circle-finder.ts";

/** Structs on the `hlist_head` at `head`; `offset` is that of their `hlist_node` (include/linux/list.h). */
export function walkHlist(kernel: KernelReader, head: Gva, offset: number): Generator<Gva> {
  return walkChain(kernel, head, offset, (node) => node === 0n);
}

/** Structs on the `hlist_nulls_head` at `head`: an odd pointer ends it (include/linux/list_nulls.h). */
export function walkHlistNulls(kernel: KernelReader, head: Gva, offset: number): Generator<Gva> {
  return walkChain(kernel, head, offset, (node) => (node & 1n) === 1n);
}

function* walkChain(
  kernel: KernelReader,
  head: Gva,
  offset: number,
  isEnd: (node: Gva) => boolean,
): Generator<Gva> {
  const distance = BigInt(offset);
  const circle = new CircleFinder();
  for (let node = kernel.link(head); !isEnd(node); node = kernel.link(node)) {
    kernel.budget.step();
    circle.visit(node);
    yield gva(node - distance);
  }
}
