import assert from "node:assert/strict";
import { test } from "node:test";
import { xxhash64 } from "./xxhash64.ts";

/** What xxHash's own `xxhsum -H1` says of so many bytes of the alphabet, over and over. */
const said: readonly (readonly [length: number, sum: string])[] = [
  [0, "ef46db3751d8e999"],
  [1, "d24ec4f1a98c6e5b"],
  [3, "44bc2cf5ad770999"],
  [4, "de0327b0d25d92cc"],
  [7, "1860940e2902822d"],
  [8, "3ad351775b4634b7"],
  [9, "27f1a34fdbb95e13"],
  [31, "f7d421c242541ac9"],
  [32, "4da6cbe536cf55c7"],
  [33, "9ac581034b031f72"],
  [63, "a12b47d9d143a6bc"],
  [64, "14696b774542d718"],
  [100, "79c9fa152bb53c71"],
  [4064, "097b2e2e99f95d0c"],
  [4096, "ba9756840243262d"],
];

test("xxhash64: what xxhsum makes, of lengths around those of its stripes", () => {
  for (const [length, sum] of said) {
    const input = Buffer.alloc(length, "abcdefghijklmnopqrstuvwxyz");
    assert.equal(Buffer.from(xxhash64(input)).reverse().toString("hex"), sum, `${length}`);
  }
});
