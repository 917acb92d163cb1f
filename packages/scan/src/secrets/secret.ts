import type { SeverityLevel } from "../advisories/severity.ts";
import type { PrivateKey } from "./private-key.ts";

/**
 * A secret that lies on a disk, by where it is and a fingerprint: never the secret, nor a part of it.
 * HOSTILE: the guest controls all but the rule.
 */
export type Secret = FoundKey | FoundCredential | FoundPasswordHash | ShellHistory;

interface Place {
  /** `aws-access-key`: what it was found by. */
  readonly rule: string;
  readonly severity: SeverityLevel;
  readonly path: string;
}

interface FingerprintedPlace extends Place {
  /** From 1 on; absent in files that are not text. */
  readonly line?: number;
  /** The same wherever the secret is the same, to those who have the same salt. */
  readonly fingerprint: string;
}

/** A private key, with what its file says of it in clear. */
export interface FoundKey extends FingerprintedPlace, PrivateKey {
  readonly kind: "private-key";
}

/** A token, or a password in a configuration. */
export interface FoundCredential extends FingerprintedPlace {
  readonly kind: "token" | "credential";
  /** How often it is in the file. */
  readonly count: number;
}

/** The hash of an account's password, or that there is none. */
export interface FoundPasswordHash extends Place {
  readonly kind: "password-hash";
  readonly line: number;
  readonly user: string;
  /** `yescrypt`, `descrypt`; `none` where the account opens without a password. */
  readonly algorithm: string;
  readonly fingerprint?: string;
}

/** What somebody typed at a prompt; secrets in it are rows of their own. */
export interface ShellHistory extends Place {
  readonly kind: "shell-history";
  readonly lines: number;
}
