import assert from "node:assert/strict";
import { CasemateError, type ErrorCode } from "@casemate/core";

/** What a look may end with besides rows. */
const EXPECTED = new Set<ErrorCode>([
  "kernel/not-found",
  "kernel/no-btf",
  "kernel/no-symbols",
  "kernel/unsupported",
  "kernel/damaged",
  "inspect/not-found",
  "inspect/not-in-memory",
  "inspect/budget",
]);

/** How a look ended: `rows`, or the code of its error. */
export type Outcome = "rows" | ErrorCode;

/**
 * Runs `look`, which has `milliseconds` for all it does, and tells how it ended. Throws if it ended in
 * another way than rows or one of the errors that are meant for people, or took twice as long.
 */
export function verifyOutcome(
  milliseconds: number,
  look: () => void,
  ...also: readonly ErrorCode[]
): Outcome {
  const started = performance.now();
  let outcome: Outcome = "rows";
  try {
    look();
  } catch (thrown) {
    if (!(thrown instanceof CasemateError)) throw thrown;
    if (!EXPECTED.has(thrown.code) && !also.includes(thrown.code)) {
      throw thrown.cause instanceof Error ? thrown.cause : thrown;
    }
    assert.ok(thrown.message.isWellFormed() && thrown.message.length < 16_384, "a long message");
    outcome = thrown.code;
  }
  const took = performance.now() - started;
  assert.ok(took <= 2 * milliseconds, `it took ${took.toFixed(0)} ms of ${milliseconds}`);
  return outcome;
}
