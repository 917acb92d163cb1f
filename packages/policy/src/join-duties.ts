import type { Duty } from "./decision.ts";

/** What one role has to give, however many policies ask for it. */
export interface JoinedDuty {
  readonly by: string;
  /** How many persons: an approval counts for every policy that asks for one. */
  readonly count: number;
  readonly reasons: readonly Pick<Duty, "policy" | "reason">[];
}

/** Duties as people fulfil them: one for each role, in the order in which the roles are asked for. */
export function joinDuties(
  duties: readonly (Pick<Duty, "policy" | "reason" | "count"> & { readonly by: string })[],
): readonly JoinedDuty[] {
  const byRole = Map.groupBy(duties, ({ by }) => by);
  return [...byRole].map(([by, asked]) => ({
    by,
    count: Math.max(...asked.map(({ count }) => count)),
    reasons: asked.map(({ policy, reason }) => ({ policy, reason })),
  }));
}
