import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ByteRanges } from "./byte-ranges.ts";

const spans = fc
  .array(fc.tuple(fc.nat(60), fc.integer({ min: 1, max: 9 })), { maxLength: 12 })
  .map((pairs) => pairs.flatMap(([start, length]) => [start, start + length]));

function bytesOf(places: readonly number[]): Set<number> {
  const bytes = new Set<number>();
  for (let at = 0; at < places.length; at += 2) {
    for (let byte = places[at] ?? 0; byte < (places[at + 1] ?? 0); byte += 1) bytes.add(byte);
  }
  return bytes;
}

test("ByteRanges: has the bytes of all its spans, each once", () => {
  fc.assert(
    fc.property(spans, spans, (one, other) => {
      const ranges = new ByteRanges(one).with(other);
      const bytes = bytesOf([...one, ...other]);
      assert.deepEqual(bytesOf(ranges.spans), bytes);
      assert.equal(ranges.length, bytes.size);
    }),
  );
});

test("ByteRanges.meets: whether some byte is in both", () => {
  fc.assert(
    fc.property(spans, spans, (one, other) => {
      const bytes = bytesOf(one);
      const isAny = [...bytesOf(other)].some((byte) => bytes.has(byte));
      assert.equal(new ByteRanges(one).meets(other), isAny);
    }),
  );
});
