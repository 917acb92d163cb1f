import type { ScannedState } from "@casemate/agent";
import { ExitCode } from "@casemate/core";
import type { Finding, Missed, ScanReport } from "@casemate/scan";
import { findingsOf } from "@casemate/scan/findings-of";

/** What of a scan decides how it ends. */
export interface JudgedScan extends Pick<ScanReport, "found" | "vulnerabilities"> {
  readonly missed: readonly Missed[];
  readonly state?: Pick<ScannedState, "consistency">;
}

/** What belongs on a system or is to be expected there: told, and no reason to act. */
const HARMLESS: ReadonlySet<Finding["severity"]> = new Set(["negligible", "low"]);

/**
 * How scans end: `suspicious` where something was found that somebody is to look at, a known vulnerability or
 * what is graded medium or worse; else `inconclusive` where not all could be looked at or matched.
 */
export function judgeScans(scans: readonly JudgedScan[]): ExitCode {
  if (scans.some(isSuspicious)) return ExitCode.suspicious;
  return scans.every(isWhole) ? ExitCode.done : ExitCode.inconclusive;
}

function isSuspicious({ found, vulnerabilities }: JudgedScan): boolean {
  const findings = findingsOf(found) ?? [];
  if ((vulnerabilities?.findings ?? []).length > 0) return true;
  return findings.some(({ severity }) => !HARMLESS.has(severity));
}

function isWhole({ missed, state, vulnerabilities }: JudgedScan): boolean {
  const uncovered = vulnerabilities?.uncovered ?? [];
  return missed.length === 0 && uncovered.length === 0 && state?.consistency !== "torn";
}
