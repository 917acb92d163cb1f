import { joinDuties } from "@casemate/policy/join-duties";
import type { ShownDuty } from "../client/follow-request.ts";
import { printable } from "./printable.ts";

/** Whose approval is needed and why, a line for each role. */
export function describeDuties(duties: readonly ShownDuty[]): readonly string[] {
  return joinDuties(duties).map(({ by, count, reasons }) => {
    const article = /^[aeiou]/.test(by) ? "an" : "a";
    const who = count === 1 ? `${article} ${by}` : `${count} persons as ${by}`;
    const why = reasons.map(({ policy, reason }) => `${reason} (${policy})`).join("; ");
    return `It needs the approval of ${printable(`${who}: ${why}`)}.`;
  });
}
