import assert from "node:assert/strict";
import { test } from "node:test";
import { type Gva, gva } from "@casemate/core";
import fc from "fast-check";
import { Heap } from "../../test/heap.ts";
import { walkXarray } from "./walk-xarray.ts";

const HEAD = 8;
const PARENT = 8;
const SLOTS = 16;
const NODE_SIZE = SLOTS + 64 * 8;
const damaged = { code: "kernel/damaged" };
const indices = fc.uniqueArray(fc.nat(2 ** 20), { maxLength: 40 });

const entryOf = (index: number) => gva(0xffff_8881_0000_0000n + BigInt(index) * 8n);

/** Stores `wanted` below a node with `shift`; returns the node as an entry. */
function buildNode(heap: Heap, wanted: readonly number[], shift: number, parent: bigint): bigint {
  const node = heap.take(NODE_SIZE);
  heap.writeByte(node, 0, shift);
  heap.write(node, PARENT, parent);
  for (let slot = 0; slot < 64; slot += 1) {
    const below = wanted.filter((index) => Math.floor(index / 2 ** shift) % 64 === slot);
    const [first] = below;
    if (first === undefined) continue;
    const entry = shift === 0 ? entryOf(first) : buildNode(heap, below, shift - 6, node);
    heap.write(node, SLOTS + slot * 8, entry);
  }
  return node | 2n;
}

function build(heap: Heap, wanted: readonly number[]): Gva {
  const xarray = heap.take(16);
  if (wanted.length > 0) heap.write(xarray, HEAD, buildNode(heap, wanted, 18, 0n));
  return xarray;
}

test("walkXarray: every entry in the order of indices", () => {
  const heap = new Heap();
  fc.assert(
    fc.property(indices, (wanted) => {
      heap.clear();
      const xarray = build(heap, wanted);
      const walked = heap.look((kernel) => [...walkXarray(kernel, xarray)]);
      const sorted = [...wanted].sort((a, b) => a - b);
      assert.deepEqual(
        walked.map(({ index, entry }) => [index, entry]),
        sorted.map((index) => [index, entryOf(index)]),
      );
    }),
    { numRuns: 30 },
  );
});

test("walkXarray: a single entry needs no node, and special entries are none", () => {
  const heap = new Heap();
  const xarray = heap.take(16);
  const walk = () => heap.look((kernel) => [...walkXarray(kernel, xarray)].map((it) => it.entry));
  heap.write(xarray, HEAD, entryOf(0));
  assert.deepEqual(walk(), [entryOf(0)]);
  for (const special of [0n, 0x102n, 0x402n]) {
    heap.write(xarray, HEAD, special);
    assert.deepEqual(walk(), []);
  }
});

test("walkXarray: an entry with siblings stands for all of their indices", () => {
  const heap = new Heap();
  const xarray = heap.take(16);
  const node = heap.take(NODE_SIZE);
  heap.write(xarray, HEAD, node | 2n);
  heap.writeByte(node, 0, 6);
  heap.write(node, SLOTS + 4 * 8, entryOf(256));
  for (const slot of [5, 6, 7]) heap.write(node, SLOTS + slot * 8, (4n << 2n) | 2n);
  heap.write(node, SLOTS + 8 * 8, entryOf(512));
  assert.deepEqual(
    heap.look((kernel) => [...walkXarray(kernel, xarray)]),
    [
      { index: 256, entry: entryOf(256), count: 256 },
      { index: 512, entry: entryOf(512), count: 64 },
    ],
  );
});

test("KernelReader.idr: ids start at its base", () => {
  const heap = new Heap();
  const idr = build(heap, [0, 300]);
  heap.write(idr, 16, 7n);
  assert.deepEqual(
    heap.look((kernel) => [...kernel.idr(idr)].map(({ index }) => index)),
    [7, 307],
  );
});

test("walkXarray: a node that is its own child is damage", () => {
  const heap = new Heap();
  const xarray = heap.take(16);
  const node = heap.take(NODE_SIZE);
  heap.writeByte(node, 0, 6);
  heap.write(node, SLOTS, node | 2n);
  heap.write(xarray, HEAD, node | 2n);
  assert.throws(() => heap.look((kernel) => [...walkXarray(kernel, xarray)]), damaged);
});
