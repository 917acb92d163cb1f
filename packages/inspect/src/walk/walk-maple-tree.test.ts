import assert from "node:assert/strict";
import { test } from "node:test";
import { type Gva, gva } from "@casemate/core";
import fc from "fast-check";
import { Heap } from "../../test/heap.ts";
import { walkMapleTree } from "./walk-maple-tree.ts";

interface Range {
  readonly first: bigint;
  readonly last: bigint;
  readonly entry: bigint;
}

const LAST = 0xffff_ffff_ffff_ffffn;
const damaged = { code: "kernel/damaged" };
const LEAF = { type: 1n, slots: 16 };
const ARANGE = { type: 3n, slots: 10 };

/** A node over `ranges`, which follow one another without gaps up to the last index; returns its root entry. */
function build(heap: Heap, ranges: readonly Range[], { type, slots } = LEAF): bigint {
  if (ranges.length > slots) {
    const size = Math.ceil(ranges.length / ARANGE.slots);
    const children: Range[] = [];
    for (let at = 0; at < ranges.length; at += size) {
      const below = ranges.slice(at, at + size);
      const [first] = below;
      const last = below.at(-1);
      if (first === undefined || last === undefined) break;
      children.push({ first: first.first, last: last.last, entry: build(heap, below) });
    }
    return build(heap, children, ARANGE);
  }
  const node = heap.take(256);
  ranges.forEach(({ last, entry }, i) => {
    if (i < slots - 1 && i < ranges.length - 1) heap.write(node, 8 + i * 8, last);
    heap.write(node, 8 + (slots - 1 + i) * 8, entry);
  });
  return node | (type << 3n) | 2n;
}

/** Ranges with and without entries, from 0 to the last index. */
const ranges = fc
  .uniqueArray(fc.bigInt({ min: 1n, max: LAST - 1n }), { minLength: 1, maxLength: 90 })
  .map((ends) => {
    const sorted = [...ends.sort((a, b) => (a < b ? -1 : 1)), LAST];
    return sorted.map((last, i) => ({
      first: i === 0 ? 0n : (sorted[i - 1] ?? 0n) + 1n,
      last,
      entry: i % 3 === 2 ? 0n : gva(0xffff_8881_0000_0000n + BigInt(i) * 16n),
    }));
  });

function walk(heap: Heap, root: bigint) {
  const tree: Gva = heap.take(8);
  heap.write(tree, 0, root);
  return heap.look((kernel) => [...walkMapleTree(kernel, tree)]);
}

test("walkMapleTree: every entry with its range", () => {
  const heap = new Heap();
  fc.assert(
    fc.property(ranges, (all) => {
      heap.clear();
      assert.deepEqual(
        walk(heap, build(heap, all)),
        all.filter(({ entry }) => entry !== 0n),
      );
    }),
    { numRuns: 30 },
  );
});

test("walkMapleTree: an empty tree, and one of a single entry", () => {
  const heap = new Heap();
  assert.deepEqual(walk(heap, 0n), []);
  assert.deepEqual(walk(heap, 0xffff_8881_0000_0040n), [
    { first: 0n, last: 0n, entry: 0xffff_8881_0000_0040n },
  ]);
});

test("walkMapleTree: overlapping ranges, unknown nodes and circles are damage", () => {
  const heap = new Heap();
  const node = heap.take(256);
  heap.write(node, 8, 100n);
  heap.write(node, 16, 50n);
  assert.throws(() => walk(heap, node | (1n << 3n) | 2n), damaged);
  assert.throws(() => walk(heap, node | (9n << 3n) | 2n), damaged);
  const loop = heap.take(256);
  heap.write(loop, 8 + 9 * 8, loop | (3n << 3n) | 2n);
  assert.throws(() => walk(heap, loop | (3n << 3n) | 2n), damaged);
});
