import assert from "node:assert/strict";
import { test } from "node:test";
import { gva } from "@casemate/core";
import { Heap } from "../../test/heap.ts";
import { loadXarray } from "./load-xarray.ts";

// Offsets in the structs that test/guest-builder.ts declares.
const HEAD = 8;
const PARENT = 8;
const SLOTS = 16;
const NODE_SIZE = SLOTS + 64 * 8;

const entryOf = (index: number) => gva(0xffff_8881_0000_0000n + BigInt(index) * 8n);

/** An xarray of two levels with the entries 3, 64 and 130. */
function build(heap: Heap) {
  const xarray = heap.take(16);
  const top = heap.take(NODE_SIZE);
  heap.writeByte(top, 0, 6);
  heap.write(xarray, HEAD, top | 2n);
  for (const [slot, index] of [
    [0, 3],
    [1, 64],
    [2, 130],
  ] as const) {
    const leaf = heap.take(NODE_SIZE);
    heap.write(leaf, PARENT, top);
    heap.write(leaf, SLOTS + (index % 64) * 8, entryOf(index));
    heap.write(top, SLOTS + slot * 8, leaf | 2n);
  }
  return { xarray, top };
}

test("loadXarray: the entry at an index, and none beside it", () => {
  const heap = new Heap();
  const { xarray } = build(heap);
  heap.look((kernel) => {
    for (const index of [3, 64, 130]) {
      assert.equal(loadXarray(kernel, xarray, index), entryOf(index));
    }
    for (const index of [0, 65, 131, 4096, -1, 2 ** 40]) {
      assert.equal(loadXarray(kernel, xarray, index), 0n);
    }
  });
});

test("loadXarray: a node below itself is damage", () => {
  const heap = new Heap();
  const { xarray, top } = build(heap);
  heap.write(top, SLOTS, top | 2n);
  assert.throws(() => heap.look((kernel) => loadXarray(kernel, xarray, 3)), {
    code: "kernel/damaged",
  });
});
