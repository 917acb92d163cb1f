import type { Consistency } from "@casemate/inspect";

const grades: readonly Consistency[] = ["consistent", "retried", "torn"];

/** How far the least of several looks can be trusted to be of one moment; torn where there was none. */
export function leastConsistent(seen: readonly Consistency[]): Consistency {
  return grades.findLast((grade) => seen.includes(grade)) ?? "torn";
}
