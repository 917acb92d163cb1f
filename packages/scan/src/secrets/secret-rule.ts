import type { SeverityLevel } from "../advisories/severity.ts";

/** How a kind of secret looks in a text. */
export interface SecretRule {
  /** `github-token`. */
  readonly id: string;
  readonly description: string;
  readonly severity: SeverityLevel;
  /** What a match begins with, each four bytes at least, in any case: files are searched for these alone. */
  readonly keywords: readonly string[];
  /**
   * Sticky, tried where a keyword is and nowhere else; its group `secret` is the secret. Quantifiers are bounded
   * and none is within another, so that it takes time linear in the window whatever the guest wrote.
   */
  readonly pattern: RegExp;
  /** Shannon's, in bits a character, of the secret's own characters: less is a placeholder or a word. */
  readonly entropy?: number;
  /** Where its form is that of much else: the only files that it is looked for in. */
  readonly files?: RegExp;
}

/** A file that has a secret in every line of a form. */
export interface LineRule {
  readonly id: string;
  readonly description: string;
  readonly severity: SeverityLevel;
  readonly files: RegExp;
  /** Of a whole line; its group `secret` is the secret. */
  readonly pattern: RegExp;
}
