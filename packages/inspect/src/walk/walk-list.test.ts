import assert from "node:assert/strict";
import { test } from "node:test";
import { type Gva, gva } from "@casemate/core";
import { Heap } from "../../test/heap.ts";
import { walkHlist, walkHlistNulls } from "./walk-hlist.ts";
import { walkList } from "./walk-list.ts";

const OFFSET = 24;
const damaged = { code: "kernel/damaged" };

/** A list of `count` structs whose `list_head` is at OFFSET; the first of what is returned is the head. */
function buildList(heap: Heap, count: number): Gva[] {
  const head = heap.take(16);
  const nodes = [head, ...Array.from({ length: count }, () => gva(heap.take(64) + BigInt(OFFSET)))];
  nodes.forEach((node, i) => {
    heap.write(node, 0, nodes[(i + 1) % nodes.length] ?? 0n);
    heap.write(node, 8, nodes[(i + nodes.length - 1) % nodes.length] ?? 0n);
  });
  return nodes;
}

test("walkList: every struct once, in order", () => {
  const heap = new Heap();
  for (const count of [0, 1, 2, 100]) {
    const [head = gva(0n), ...nodes] = buildList(heap, count);
    const walked = heap.look((kernel) => [...walkList(kernel, head, OFFSET)]);
    assert.deepEqual(
      walked,
      nodes.map((node) => node - BigInt(OFFSET)),
    );
  }
});

test("walkList: circles, null and wild pointers are damage", () => {
  const heap = new Heap();
  for (const wild of [0n, 0xdead_0000_0000_0100n, 0x1234n, heap.guest.directBase - 16n]) {
    const [head = gva(0n), , second = gva(0n)] = buildList(heap, 3);
    heap.write(second, 0, wild);
    assert.throws(() => heap.look((kernel) => [...walkList(kernel, head, OFFSET)]), damaged);
  }
  for (const back of [1, 2, 5, 9]) {
    const nodes = buildList(heap, 10);
    heap.write(nodes[9] ?? gva(0n), 0, nodes[back] ?? 0n);
    const walk = (head: Gva) => heap.look((kernel) => [...walkList(kernel, head, OFFSET)]);
    assert.throws(() => walk(nodes[0] ?? gva(0n)), { ...damaged, message: /circles/ });
  }
});

test("walkHlist, walkHlistNulls: end at NULL and at an odd pointer", () => {
  const heap = new Heap();
  const head = heap.take(8);
  const nodes = Array.from({ length: 5 }, () => heap.take(64));
  heap.write(head, 0, nodes[0] ?? 0n);
  nodes.forEach((node, i) => {
    heap.write(node, 0, nodes[i + 1] ?? 0n);
  });
  assert.deepEqual(
    heap.look((kernel) => [...walkHlist(kernel, head, 0)]),
    nodes,
  );
  heap.write(nodes[4] ?? gva(0n), 0, 0x2bn);
  assert.deepEqual(
    heap.look((kernel) => [...walkHlistNulls(kernel, head, 0)]),
    nodes,
  );
  heap.write(nodes[4] ?? gva(0n), 0, nodes[2] ?? 0n);
  assert.throws(() => heap.look((kernel) => [...walkHlist(kernel, head, 0)]), damaged);
});
