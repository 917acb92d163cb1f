import { type VersionScheme, versionSchemes } from "../versions/version-scheme.ts";
import type { Advisory, DistributionVerdict, ParsedFeed, VersionRange } from "./advisory.ts";
import { normalizeEcosystem, normalizeName, typeOfEcosystem } from "./ecosystem.ts";
import { itemsOf, type Members, membersOf, textOf } from "./json-fields.ts";
import { levelOfWord, type Severity, severityOfVector } from "./severity.ts";

/**
 * One record of OSV (ossf.github.io/osv-schema) as advisories, one for each package it speaks of.
 *
 * Withdrawn records and ecosystems whose packages Casemate does not read give none; what has no readable
 * versions is counted as skipped. HOSTILE: whoever wrote the record.
 */
export function parseOsv(record: unknown): ParsedFeed {
  const members = membersOf(record);
  const id = textOf(members["id"]);
  if (id === undefined) return { advisories: [], skipped: 1 };
  if (textOf(members["withdrawn"]) !== undefined) return { advisories: [], skipped: 0 };
  const names = [id, ...textsOf(members["aliases"]), ...textsOf(members["upstream"])];
  const published = textOf(members["published"]);
  const modified = textOf(members["modified"]);
  const shared = {
    id,
    cves: [...new Set(names.flatMap(cvesIn))],
    ...(published === undefined ? {} : { published }),
    ...(modified === undefined ? {} : { modified }),
  };
  const ofRecord = severityOf(members);
  const advisories: Advisory[] = [];
  let skipped = 0;
  for (const affected of itemsOf(members["affected"])) {
    const part = parseAffected(membersOf(affected));
    if (part === "elsewhere") continue;
    if (part === "unreadable") {
      skipped += 1;
      continue;
    }
    const severity = part.severity ?? ofRecord;
    advisories.push({ ...shared, ...part, ...(severity === undefined ? {} : { severity }) });
  }
  return { advisories, skipped };
}

type AffectedPart = Pick<
  Advisory,
  "ecosystem" | "package" | "affected" | "verdict" | "reason" | "severity"
>;

function parseAffected(affected: Members): AffectedPart | "elsewhere" | "unreadable" {
  const { ecosystem: written, name } = membersOf(affected["package"]);
  const ecosystem = normalizeEcosystem(textOf(written) ?? "");
  const type = typeOfEcosystem(ecosystem);
  if (type === undefined) return "elsewhere";
  const packageName = textOf(name);
  const scheme = versionSchemes[type];
  const ranges = rangesOf(affected, scheme);
  if (packageName === undefined || ranges.length === 0) return "unreadable";
  const severity = severityOf(affected);
  return {
    ecosystem,
    package: normalizeName(type, packageName),
    affected: ranges,
    ...verdictOf(affected),
    ...(severity === undefined ? {} : { severity }),
  };
}

/** osv-schema, "affected[].ranges[]" and "affected[].versions": a version in either is affected. */
function rangesOf(affected: Members, scheme: VersionScheme): readonly VersionRange[] {
  const ranges: VersionRange[] = [];
  for (const item of itemsOf(affected["ranges"])) {
    const range = membersOf(item);
    if (range["type"] === "ECOSYSTEM" || range["type"] === "SEMVER") {
      ranges.push(...rangesOfEvents(itemsOf(range["events"]).map(membersOf), scheme));
    }
  }
  // Most lists only spell out the ranges beside them.
  const single = textsOf(affected["versions"]).filter(
    (version) => scheme.isVersion(version) && !ranges.some((range) => isIn(version, range, scheme)),
  );
  return [...ranges, ...single.map((version) => ({ introduced: version, lastAffected: version }))];
}

function rangesOfEvents(events: readonly Members[], scheme: VersionScheme): VersionRange[] {
  const steps = events
    .flatMap((event) => Object.entries(event))
    .flatMap(([kind, version]) => (typeof version === "string" ? [{ kind, version }] : []));
  // "0" is before every version, whatever the scheme says of it.
  const compare = (a: string, b: string) =>
    a === b ? 0 : a === "0" ? -1 : b === "0" ? 1 : scheme.compare(a, b);
  steps.sort((a, b) => compare(a.version, b.version));
  const ranges: VersionRange[] = [];
  let introduced: string | undefined;
  for (const { kind, version } of steps) {
    if (kind === "introduced") introduced ??= version;
    else if (introduced !== undefined && (kind === "fixed" || kind === "last_affected")) {
      ranges.push({
        ...(introduced === "0" ? {} : { introduced }),
        ...(kind === "fixed" ? { fixed: version } : { lastAffected: version }),
      });
      introduced = undefined;
    }
  }
  if (introduced !== undefined) ranges.push(introduced === "0" ? {} : { introduced });
  return ranges;
}

function isIn(version: string, range: VersionRange, scheme: VersionScheme): boolean {
  const { introduced, fixed, lastAffected } = range;
  return (
    (introduced === undefined || scheme.compare(version, introduced) >= 0) &&
    (fixed === undefined || scheme.compare(version, fixed) < 0) &&
    (lastAffected === undefined || scheme.compare(version, lastAffected) <= 0)
  );
}

/** Debian's records carry the tracker's urgency, which also says what gets no fix. */
function verdictOf(affected: Members): { verdict: DistributionVerdict; reason?: string } {
  const urgency = textOf(membersOf(affected["ecosystem_specific"])["urgency"]);
  return urgency === "unimportant" || urgency === "end-of-life"
    ? { verdict: "ignored", reason: urgency }
    : { verdict: "affected" };
}

/** osv-schema, "severity[]"; else the word that the database or the distribution has for it. */
function severityOf(members: Members): Severity | undefined {
  const vectors = itemsOf(members["severity"]).map((item) => textOf(membersOf(item)["score"]));
  for (const vector of vectors) {
    const severity = vector === undefined ? undefined : severityOfVector(vector);
    if (severity !== undefined) return severity;
  }
  const ofEcosystem = membersOf(members["ecosystem_specific"]);
  const ofDatabase = membersOf(members["database_specific"]);
  const distribution = textOf(ofEcosystem["urgency"]) ?? textOf(ofEcosystem["severity"]);
  const word = distribution ?? textOf(ofDatabase["severity"]);
  const level = word === undefined ? undefined : levelOfWord(word);
  const vector = vectors.find((text) => text !== undefined);
  if (level === undefined) {
    return vector === undefined ? undefined : { level: "unknown", vector, source: "cvss" };
  }
  return {
    level,
    ...(vector === undefined ? {} : { vector }),
    source: distribution === undefined ? "database" : "distribution",
  };
}

/** A CVE's number in a name; distributions write theirs as `DEBIAN-CVE-…`, `UBUNTU-CVE-…`, `ALPINE-CVE-…`. */
const cvesIn = (name: string): readonly string[] =>
  /^(?:[A-Z]+-)?(CVE-\d{4}-\d{4,})$/.exec(name)?.slice(1) ?? [];

const textsOf = (value: unknown) => itemsOf(value).flatMap((item) => textOf(item) ?? []);
