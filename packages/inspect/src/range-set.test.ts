import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { RangeSet } from "./range-set.ts";

const range = fc
  .tuple(fc.bigInt({ min: 0n, max: 60n }), fc.bigInt({ min: 0n, max: 9n }))
  .map(([start, length]) => ({ start, end: start + length }));

test("RangeSet.meets: says what a look at every range would say", () => {
  fc.assert(
    fc.property(fc.array(range), range, (ranges, asked) => {
      fc.pre(asked.end > asked.start);
      const expected = ranges.some(
        ({ start, end }) => start < end && start < asked.end && asked.start < end,
      );
      assert.equal(new RangeSet(ranges).meets(asked), expected);
    }),
  );
});

test("RangeSet.meets: ranges that touch have nothing in common", () => {
  const set = new RangeSet([{ start: 0x1000n, end: 0x2000n }]);
  assert.equal(set.meets({ start: 0x2000n, end: 0x3000n }), false);
  assert.equal(set.meets({ start: 0x1fffn, end: 0x3000n }), true);
  assert.equal(new RangeSet([]).meets({ start: 0n, end: 1n }), false);
});
