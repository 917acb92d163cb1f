import type { JsonObject } from "@casemate/core";
import type { Severity, SeverityLevel } from "../advisories/severity.ts";
import type { VulnerabilityFinding } from "../match/vulnerability-finding.ts";

/**
 * The `vulnerabilities` of a CycloneDX document: one for all packages of which the same is said.
 *
 * @param known the `bom-ref`s of packages; what has none of them affects `system`.
 */
export function cycloneDxVulnerabilities(
  findings: readonly VulnerabilityFinding[],
  known: ReadonlySet<string>,
  system: string,
): readonly JsonObject[] {
  const groups = new Map<string, VulnerabilityFinding[]>();
  for (const finding of findings) {
    const { vulnerability, severity, verdict, reason, advisories } = finding;
    const key = JSON.stringify([vulnerability, severity, verdict, reason, advisories]);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [finding]);
    else group.push(finding);
  }
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    return first === undefined ? [] : [describe(first, group, known, system)];
  });
}

function describe(
  first: VulnerabilityFinding,
  group: readonly VulnerabilityFinding[],
  known: ReadonlySet<string>,
  system: string,
): JsonObject {
  const { vulnerability, severity, advisories, published } = first;
  const others = advisories.filter((id) => id !== vulnerability);
  const updates = new Set(
    group.flatMap((each) =>
      each.fixed === null ? [] : [`Update ${each.package} to ${each.fixed} or later.`],
    ),
  );
  const affected = new Map(group.map((each) => [each.purl, each.installed]));
  return {
    id: vulnerability,
    source: { name: issuerOf(vulnerability) },
    ...(others.length === 0
      ? {}
      : { references: others.map((id) => ({ id, source: { name: issuerOf(id) } })) }),
    ...(severity === null ? {} : { ratings: [rating(severity)] }),
    ...(updates.size === 0 ? {} : { recommendation: [...updates].join("\n") }),
    ...(published === null ? {} : { published }),
    analysis: analysis(first, updates.size > 0),
    affects: Array.from(affected, ([purl, installed]) => ({
      ref: known.has(purl) ? purl : system,
      versions: [{ version: installed.slice(0, MAX_VERSION), status: "affected" }],
    })),
  };
}

/** Of `version`, in characters. */
const MAX_VERSION = 1024;

/** Who gave a vulnerability its name: what it begins with, as `CVE`, `DSA`, `GHSA` or `PYSEC`. */
const issuerOf = (id: string) => /^[A-Za-z]+/.exec(id)?.[0] ?? id;

function rating({ level, score, vector, source }: Severity): JsonObject {
  return {
    source: { name: source },
    ...(score === undefined ? {} : { score }),
    severity: ratings[level],
    ...(vector === undefined ? {} : { method: methodOf(vector), vector }),
  };
}

const ratings: Readonly<Record<SeverityLevel, string>> = {
  critical: "critical",
  high: "high",
  medium: "medium",
  low: "low",
  negligible: "info",
  unknown: "unknown",
};

function methodOf(vector: string): string {
  const version = /^CVSS:([0-9.]+)\//.exec(vector)?.[1];
  switch (version) {
    case "3.0":
      return "CVSSv3";
    case "3.1":
      return "CVSSv31";
    case "4.0":
      return "CVSSv4";
    case undefined:
      // Version 2 has no prefix.
      return vector.startsWith("AV:") ? "CVSSv2" : "other";
    default:
      return "other";
  }
}

/** Versions say that it is there, not that anybody can exploit it: that stays to be judged. */
function analysis({ verdict, reason }: VulnerabilityFinding, isFixed: boolean): JsonObject {
  const response = isFixed ? "update" : verdict === "ignored" ? "will_not_fix" : undefined;
  const why = reason === null ? "" : ` (${reason})`;
  return {
    state: "in_triage",
    ...(response === undefined ? {} : { response: [response] }),
    ...(verdict === "affected" && reason === null
      ? {}
      : { detail: `The distribution's verdict: ${verdict}${why}.` }),
  };
}
