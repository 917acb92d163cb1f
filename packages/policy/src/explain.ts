import { isNonEmpty, type NonEmpty } from "@casemate/core";
import type { AuthorizationRequest } from "./authorization-request.ts";
import { type Change, walkChanges } from "./changes.ts";
import type { Decision } from "./decision.ts";

/** Why a request is decided as it is, and what would have to be different for it to be permitted. */
export interface Explanation {
  readonly request: AuthorizationRequest;
  readonly decision: Decision;
  /**
   * The smallest change that permits, tried by evaluating it; absent for what is permitted, and where neither
   * one change nor two together would do.
   */
  readonly change?: {
    /** One or two. */
    readonly steps: NonEmpty<Change>;
    /** The request with the steps taken: this one is permitted. */
    readonly request: AuthorizationRequest;
  };
  /** How many other requests were tried. */
  readonly tried: number;
}

/**
 * The decision on `request`, and the first change of `walkChanges` that permits it: each alone, then each pair,
 * in the order of the walk, so that the same request always gets the same answer.
 */
export function explain(
  request: AuthorizationRequest,
  labels: readonly string[],
  authorize: (request: AuthorizationRequest) => Decision,
): Explanation {
  const decision = authorize(request);
  if (decision.kind === "permitted") return { request, decision, tried: 0 };
  let tried = 0;
  const singles = [...walkChanges(request, labels)];
  for (const steps of walkSteps(singles, labels)) {
    const changed = steps.at(-1)?.request ?? request;
    tried += 1;
    if (authorize(changed).kind === "permitted" && isNonEmpty(steps)) {
      return { request, decision, change: { steps, request: changed }, tried };
    }
  }
  return { request, decision, tried };
}

/** Every change alone, then every two of them together, once. */
function* walkSteps(
  singles: readonly Change[],
  labels: readonly string[],
): Iterable<readonly Change[]> {
  for (const single of singles) yield [single];
  for (const [index, first] of singles.entries()) {
    const later = new Set(singles.slice(index + 1).map(({ sentence }) => sentence));
    // The second step starts from the first one's request; its sentence says which it is.
    for (const second of walkChanges(first.request, labels)) {
      if (later.has(second.sentence)) yield [first, second];
    }
  }
}
