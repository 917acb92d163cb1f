import type { SeverityLevel } from "../advisories/severity.ts";

/** What is found on disks, by what it is. */
export type FindingKind = "vulnerability" | "secret" | "malware" | "integrity";

/** What a finding is an example of: a vulnerability, a rule for secrets, a signature. */
export interface FindingRule {
  /** `CVE-2024-5535`, `private-key`, `EICAR_test_file`: the same in every scan. */
  readonly id: string;
  /** What it is, as a line. */
  readonly title: string;
  /** What to do about it. */
  readonly help?: string;
}

/** Something found on a system's disks that somebody should look at. HOSTILE: names and paths are the guest's. */
export interface Finding {
  readonly kind: FindingKind;
  readonly rule: FindingRule;
  readonly severity: SeverityLevel;
  /** CVSS base score, 0 to 10, where there is one. */
  readonly score?: number;
  /** What was found, as a sentence; never the secret itself. */
  readonly message: string;
  /** The file in the system's tree. */
  readonly path: string;
  /** Its line, from 1, where it is one of a text. */
  readonly line?: number;
  /**
   * What makes it the same finding in the next scan besides its rule: the package but not its version, a
   * secret's fingerprint.
   */
  readonly identity: readonly string[];
  /** What else is known, for programs. */
  readonly details?: Readonly<Record<string, string | number | boolean | readonly string[]>>;
}
