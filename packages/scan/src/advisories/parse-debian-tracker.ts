import type { Advisory, DistributionVerdict, ParsedFeed, VersionRange } from "./advisory.ts";
import { ecosystemOfDebian } from "./ecosystem.ts";
import { type Members, membersOf, textOf } from "./json-fields.ts";
import { levelOfWord, type Severity } from "./severity.ts";

/**
 * What Debian's security tracker says of one source package (its `data/json`, a member of it): CVEs by name, in
 * each the releases by codename. HOSTILE: whoever made the file.
 */
export function parseDebianTracker(source: string, issues: unknown): ParsedFeed {
  const advisories: Advisory[] = [];
  let skipped = 0;
  for (const [name, issue] of Object.entries(membersOf(issues))) {
    for (const [codename, release] of Object.entries(membersOf(membersOf(issue)["releases"]))) {
      const members = membersOf(release);
      const said = parseRelease(members);
      if (said === undefined) {
        skipped += 1;
        continue;
      }
      const severity = severityOf(members);
      advisories.push({
        id: name, // TEMP-… where there is no CVE yet
        cves: name.startsWith("CVE-") ? [name] : [],
        ecosystem: ecosystemOfDebian(codename),
        package: source,
        ...said,
        ...(severity === undefined ? {} : { severity }),
      });
    }
  }
  return { advisories, skipped };
}

interface ReleaseState {
  readonly affected: readonly VersionRange[];
  readonly verdict: DistributionVerdict;
  readonly reason?: string;
}

const EVERY_VERSION: readonly VersionRange[] = [{}];

function parseRelease(release: Members): ReleaseState | undefined {
  const fixed = textOf(release["fixed_version"]);
  switch (release["status"]) {
    case "resolved":
      if (fixed === undefined) return undefined;
      // The tracker's own sign for a package that never had the hole.
      if (fixed === "0") return { affected: [], verdict: "not-affected" };
      return { affected: [{ fixed }], verdict: "affected" };
    case "open":
      return { affected: EVERY_VERSION, ...openVerdict(release) };
    case "undetermined":
      return { affected: EVERY_VERSION, verdict: "undetermined" };
    default:
      return undefined;
  }
}

function openVerdict(release: Members): { verdict: DistributionVerdict; reason?: string } {
  const urgency = textOf(release["urgency"]);
  if (urgency === "unimportant" || urgency === "end-of-life")
    return { verdict: "ignored", reason: urgency };
  const reason = textOf(release["nodsa_reason"]);
  const words = textOf(release["nodsa"]);
  const why = words === undefined ? {} : { reason: words };
  if (reason === "ignored" || reason === "postponed") return { verdict: reason, ...why };
  return words === undefined ? { verdict: "affected" } : { verdict: "no-dsa", ...why };
}

function severityOf(release: Members): Severity | undefined {
  const level = levelOfWord(textOf(release["urgency"]) ?? "");
  return level === undefined ? undefined : { level, source: "distribution" };
}
