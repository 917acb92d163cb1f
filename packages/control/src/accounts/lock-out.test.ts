import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { afterFailure, isLocked, type LockOut, noFailures } from "./lock-out.ts";

const minute = 60_000;

/** The rule in other words: who failed three times in the last 15 minutes, not counting what came before a lock or a success, waits 15. */
function expectLocked(times: readonly number[], resets: readonly number[], now: number): boolean {
  let counted: number[] = [];
  let until = Number.NEGATIVE_INFINITY;
  for (const at of times) {
    if (at < until) continue; // locked: not even tried
    const reset = resets.findLast((each) => each <= at) ?? Number.NEGATIVE_INFINITY;
    counted = counted.filter((each) => each > at - 15 * minute && each >= reset);
    counted.push(at);
    if (counted.length === 3) {
      until = at + 15 * minute;
      counted = [];
    }
  }
  return now < until;
}

test("afterFailure: locks exactly after three failures within 15 minutes, for 15 minutes", () => {
  const anyStep = fc.record({
    wait: fc.integer({ min: 1, max: 12 * minute }),
    success: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(anyStep, { maxLength: 40 }), (steps) => {
      let state: LockOut = noFailures;
      let now = 0;
      const failures: number[] = [];
      const resets: number[] = [];
      for (const { wait, success } of steps) {
        now += wait;
        const locked = isLocked(state, now);
        assert.equal(locked, expectLocked(failures, resets, now));
        if (locked) continue;
        if (success) {
          state = noFailures;
          resets.push(now);
        } else {
          state = afterFailure(state, now);
          failures.push(now);
        }
        assert.equal(isLocked(state, now), expectLocked(failures, resets, now));
        assert.ok(state.failures.length < 3);
      }
    }),
    { numRuns: 500 },
  );
});
