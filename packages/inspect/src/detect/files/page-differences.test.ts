import assert from "node:assert/strict";
import { test } from "node:test";
import { pageDifferences } from "./page-differences.ts";

const page = Buffer.alloc(4096, 0x90);

function changed(...places: readonly number[]): Buffer {
  const copy = Buffer.from(page);
  for (const at of places) copy[at] = 0xcc;
  return copy;
}

test("pageDifferences: pages that are equal have none", () => {
  assert.equal(pageDifferences(page, changed()), undefined);
});

test("pageDifferences: bytes that are near each other are one change", () => {
  assert.deepEqual(pageDifferences(page, changed(0, 8, 100, 4095)), [
    { start: 0, end: 9 },
    { start: 100, end: 101 },
    { start: 4095, end: 4096 },
  ]);
});

test("pageDifferences: the end of a file ends the comparison", () => {
  assert.equal(pageDifferences(page.subarray(0, 100), changed(200)), undefined);
});
