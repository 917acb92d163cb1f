import type { Severity } from "./severity.ts";

/**
 * What a distribution says of a vulnerability in one of its packages, in Debian's words
 * (security-team.debian.org, "security tracker"): `no-dsa` is left to a point release, `postponed` waits for the
 * next fix, `ignored` gets none.
 */
export const verdicts = [
  "affected",
  "no-dsa",
  "postponed",
  "ignored",
  "undetermined",
  "not-affected",
] as const;
export type DistributionVerdict = (typeof verdicts)[number];

/** Versions from `introduced` on, before `fixed` or up to `lastAffected`; without an end, no version is fixed. */
export interface VersionRange {
  readonly introduced?: string;
  readonly fixed?: string;
  readonly lastAffected?: string;
}

/** What a feed says of one package of one ecosystem. HOSTILE: the feed says it, until its signature is verified. */
export interface Advisory {
  /** As the feed names it: `DSA-5417-1`, `GHSA-…`, `CVE-…`. */
  readonly id: string;
  /** The CVEs that it is about, its own name included if it is one. */
  readonly cves: readonly string[];
  /** OSV's name, release included: `Debian:12`, `npm`. */
  readonly ecosystem: string;
  /** The package's name there: of the source package where the distribution counts by those. */
  readonly package: string;
  readonly affected: readonly VersionRange[];
  readonly verdict: DistributionVerdict;
  /** Why the verdict is so, in the distribution's own word: `end-of-life`, `unimportant`. */
  readonly reason?: string;
  readonly severity?: Severity;
  /** ISO 8601. */
  readonly published?: string;
  readonly modified?: string;
}

/** What came out of a feed's document; what could not be understood is counted, never passed over in silence. */
export interface ParsedFeed {
  readonly advisories: readonly Advisory[];
  readonly skipped: number;
}
