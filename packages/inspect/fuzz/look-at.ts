import type { ErrorCode } from "@casemate/core";
import type { AnyView, DataClass, Grant } from "../src/index.ts";
import { argumentOf } from "./argument-of.ts";
import { type Outcome, verifyOutcome } from "./verify-outcome.ts";
import { verifyResult } from "./verify-result.ts";

/** What a look may end with that was told what to look for: a guest has no such file any more. */
const ABSENT: readonly ErrorCode[] = ["usage", "inspect/not-found"];

/** Looks at `view` with what `attach` grants, and tells how it ended; throws if that is not as it should be. */
export function lookAt(
  view: AnyView,
  milliseconds: number,
  attach: () => Grant<DataClass>,
): Outcome {
  const argument = argumentOf(view);
  const look = () => verifyResult(attach().read(view, { milliseconds }, argument));
  return verifyOutcome(milliseconds, look, ...(argument === undefined ? [] : ABSENT));
}
