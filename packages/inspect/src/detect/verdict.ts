import type { Consistency } from "../kernel/grant.ts";
import type { Suspicion } from "./suspicion.ts";

/** Something a detector could not look at. */
export interface Missed {
  readonly what: string;
  readonly reason: string;
}

/** What became of one detector's check. */
export interface Verdict {
  /** The detector's id. */
  readonly detector: string;
  /** `inconclusive` where nothing was found and not everything could be looked at. */
  readonly verdict: "clean" | "suspicious" | "inconclusive";
  readonly suspicions: readonly Suspicion[];
  /** Why it is not known to be clean; the first of them, where they are many. */
  readonly missed: readonly Missed[];
  /** How many of the things that it checks it could look at. */
  readonly coverage: { readonly looked: number; readonly total: number };
  readonly consistency: Consistency;
  /** How often it looked: again where the guest changed, and until what it found stood still. */
  readonly looks: number;
  /** Elements that were visited, in all looks. */
  readonly steps: number;
  /** Processor and waiting for the guest to settle, in milliseconds. */
  readonly milliseconds: number;
}
