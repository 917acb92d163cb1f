import { type DistributionVerdict, verdicts } from "../advisories/advisory.ts";
import { isWorse, type Severity } from "../advisories/severity.ts";
import type { AdvisoryHit } from "../advisories/snapshot/advisory-snapshot.ts";
import type { VersionScheme } from "../versions/version-scheme.ts";
import type { Vulnerability } from "./vulnerability-finding.ts";

/**
 * What advisories say of one version, by vulnerability: several feeds speak of the same CVE, and one advisory
 * of several CVEs. What any of them says is not affected is none.
 */
export function mergeHits(
  hits: readonly AdvisoryHit[],
  scheme: VersionScheme,
): readonly Vulnerability[] {
  if (hits.length === 0) return [];
  const byName = new Map<string, AdvisoryHit[]>();
  for (const hit of hits) {
    for (const name of hit.cves.length === 0 ? [hit.id] : hit.cves) {
      const known = byName.get(name);
      if (known === undefined) byName.set(name, [hit]);
      else known.push(hit);
    }
  }
  const found: Vulnerability[] = [];
  for (const [vulnerability, said] of byName) {
    const verdict = verdictOf(said);
    if (verdict === "not-affected") continue;
    found.push({
      vulnerability,
      advisories: [...new Set(said.map(({ id }) => id))],
      severity: worstOf(said),
      fixed: firstFixOf(said, scheme),
      verdict,
      reason: said.find((hit) => hit.verdict === verdict)?.reason ?? null,
      published: said.flatMap(({ published }) => published ?? []).sort()[0] ?? null,
    });
  }
  return found;
}

/** The mildest word: feeds without one of their own say `affected` of everything. */
function verdictOf(said: readonly AdvisoryHit[]): DistributionVerdict {
  const mildest = Math.max(...said.map(({ verdict }) => verdicts.indexOf(verdict)));
  return verdicts[mildest] ?? "undetermined";
}

function worstOf(said: readonly AdvisoryHit[]): Severity | null {
  let worst: Severity | null = null;
  for (const { severity } of said) {
    if (severity !== null && (worst === null || isWorse(severity, worst))) worst = severity;
  }
  return worst;
}

function firstFixOf(said: readonly AdvisoryHit[], scheme: VersionScheme): string | null {
  return said.flatMap(({ fixed }) => fixed ?? []).sort(scheme.compare)[0] ?? null;
}
