import assert from "node:assert/strict";
import { CasemateError, type ErrorCode, ExitCode } from "@casemate/core";

/** How a look ended: with all its rows, with some of them and word of damage, or with an error. */
export type Outcome = "rows" | "damaged" | ErrorCode;

/**
 * Runs `look`, which has `milliseconds` for all it does, and tells how it ended. Throws if it ended in
 * another way than with rows, an inconclusive error or one that `also` names, or took twice as long.
 */
export function verifyOutcome(
  milliseconds: number,
  look: () => Outcome,
  ...also: readonly ErrorCode[]
): Outcome {
  // Of the processor: on a busy machine time passes without any work.
  const started = process.cpuUsage();
  let outcome: Outcome;
  try {
    outcome = look();
  } catch (thrown) {
    if (!(thrown instanceof CasemateError)) throw thrown;
    if (thrown.kind.exit !== ExitCode.inconclusive && !also.includes(thrown.code)) {
      throw thrown.cause instanceof Error ? thrown.cause : thrown;
    }
    assert.ok(thrown.message.isWellFormed() && thrown.message.length < 16_384, "a long message");
    outcome = thrown.code;
  }
  const { user, system } = process.cpuUsage(started);
  const took = (user + system) / 1000;
  assert.ok(took <= 2 * milliseconds, `it took ${took.toFixed(0)} ms of ${milliseconds}`);
  return outcome;
}
