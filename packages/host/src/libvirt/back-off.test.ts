import assert from "node:assert/strict";
import { test } from "node:test";
import { backOff } from "./back-off.ts";

test("backOff: doubles from a quarter of a second to ten seconds", () => {
  const waits = [0, 1, 2, 3, 4, 5, 6, 100].map((attempt) => backOff(attempt, () => 0));
  assert.deepEqual(waits, [250, 500, 1000, 2000, 4000, 8000, 10_000, 10_000]);
});

test("backOff: chance takes off at most half", () => {
  assert.equal(
    backOff(0, () => 1),
    125,
  );
  assert.ok(backOff(9) >= 5000 && backOff(9) <= 10_000);
});
