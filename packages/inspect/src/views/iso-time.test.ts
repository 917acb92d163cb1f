import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isoTime } from "./iso-time.ts";

test("isoTime: the millisecond that the nanoseconds are in", () => {
  assert.equal(isoTime(1_700_000_000_123_999_999n), "2023-11-14T22:13:20.123Z");
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }), (nanoseconds) => {
      const expected = new Date(Number(nanoseconds / 1_000_000n)).toISOString();
      assert.equal(isoTime(nanoseconds), expected);
    }),
  );
});
