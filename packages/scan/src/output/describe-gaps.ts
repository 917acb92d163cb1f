import type { Uncovered } from "../match/match-inventories.ts";
import type { ScanReport } from "./scan-report.ts";

/** What a report does not know, a sentence each; none where everything that was asked for was looked at. */
export function describeGaps({ missed, vulnerabilities }: ScanReport): readonly string[] {
  return [
    ...missed.map(({ what, reason }) => `${what}: ${reason}`),
    ...(vulnerabilities?.uncovered ?? []).map(describeUncovered),
  ];
}

/** Packages that nothing is known of, as a sentence. */
export function describeUncovered({ ecosystem, reason, packages }: Uncovered): string {
  const count = `${packages} ${packages === 1 ? "package" : "packages"}`;
  const of = ecosystem === null ? count : `${count} of ${ecosystem}`;
  switch (reason) {
    case "no-ecosystem":
      return `Cannot match ${of}: no advisories are known to be about such a system, expected one that they are about.`;
    case "no-advisories":
      return `Cannot match ${of}: no feed has advisories on them, expected one.`;
    case "no-version":
      return `Cannot match ${of}: their versions are none, expected some that can be compared.`;
  }
}
