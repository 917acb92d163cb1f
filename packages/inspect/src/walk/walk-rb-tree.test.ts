import assert from "node:assert/strict";
import { test } from "node:test";
import { type Gva, gva } from "@casemate/core";
import fc from "fast-check";
import { Heap } from "../../test/heap.ts";
import { walkRbTree } from "./walk-rb-tree.ts";

const OFFSET = 16;
const RIGHT = 8;
const LEFT = 16;
const NULL = gva(0n);
const damaged = { code: "kernel/damaged" };

/** Links `nodes` (in order) below `parent` as a balanced tree; returns its root. */
function link(heap: Heap, nodes: readonly Gva[], parent: bigint): Gva {
  const middle = nodes.length >> 1;
  const node = nodes[middle];
  if (node === undefined) return NULL;
  heap.write(node, 0, parent | BigInt(middle & 1));
  heap.write(node, LEFT, link(heap, nodes.slice(0, middle), node));
  heap.write(node, RIGHT, link(heap, nodes.slice(middle + 1), node));
  return node;
}

function build(heap: Heap, count: number) {
  const root = heap.take(8);
  const nodes = Array.from({ length: count }, () => gva(heap.take(64) + BigInt(OFFSET)));
  heap.write(root, 0, link(heap, nodes, 0n));
  return { root, nodes };
}

test("walkRbTree: every struct once, in order", () => {
  const heap = new Heap();
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 300 }), (count) => {
      heap.clear();
      const { root, nodes } = build(heap, count);
      assert.deepEqual(
        heap.look((kernel) => [...walkRbTree(kernel, root, OFFSET)]),
        nodes.map((node) => node - BigInt(OFFSET)),
      );
    }),
    { numRuns: 30 },
  );
});

test("walkRbTree: any link changed is damage or a smaller tree, and never endless", () => {
  const heap = new Heap();
  const links = fc.tuple(fc.nat(62), fc.constantFrom(0, RIGHT, LEFT), fc.nat(62));
  fc.assert(
    fc.property(fc.array(links, { minLength: 1, maxLength: 4 }), (changes) => {
      heap.clear();
      const { root, nodes } = build(heap, 63);
      for (const [from, field, to] of changes) {
        heap.write(nodes[from] ?? NULL, field, nodes[to] ?? NULL);
      }
      try {
        const walked = heap.look((kernel) => [...walkRbTree(kernel, root, OFFSET)]);
        assert.equal(new Set(walked).size, walked.length);
      } catch (thrown) {
        assert.throws(() => {
          throw thrown;
        }, damaged);
      }
    }),
    { numRuns: 100 },
  );
});

test("walkRbTree: one child on both sides is damage", () => {
  const heap = new Heap();
  const { root, nodes } = build(heap, 63);
  heap.write(nodes[53] ?? NULL, LEFT, nodes[52] ?? NULL);
  heap.write(nodes[53] ?? NULL, RIGHT, nodes[52] ?? NULL);
  heap.write(nodes[52] ?? NULL, 0, nodes[53] ?? NULL);
  assert.throws(() => heap.look((kernel) => [...walkRbTree(kernel, root, OFFSET)]), damaged);
});
