import type { Verdict } from "@casemate/inspect";

/** How much of what there was a detector looked at; nothing may have been there. */
export function describeCoverage({ looked, total }: Verdict["coverage"]): string {
  return total === 0 ? "-" : `${looked} of ${total}`;
}
