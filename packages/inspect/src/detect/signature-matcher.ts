/** A pattern that a rule found, where in the bytes. */
export interface FoundPattern {
  /** As the rule calls it: `$a`. */
  readonly pattern: string;
  /** From the start of the bytes, and how long: in bytes. */
  readonly offset: number;
  readonly length: number;
}

/** A rule that bytes match, in its author's words. */
export interface SignatureMatch {
  readonly rule: string;
  /** The file of rules that it is in. */
  readonly namespace: string;
  /** As the rule's metadata say it, in any words. */
  readonly severity?: string | undefined;
  readonly description?: string | undefined;
  /** The first of each pattern; none of a rule that has no pattern, or does not show them. */
  readonly found: readonly FoundPattern[];
}

/** Rules that memory is put to, such as YARA's: given by whoever asks, for the one check. */
export interface SignatureMatcher {
  /** Whether all of processes' own memory is put to them; unless it is, what may be executed alone. */
  readonly allMemory: boolean;
  /**
   * The rules that `bytes` match. Throws `scan/unsupported` where there is no result, as after too long.
   *
   * @param path what rules are told as the file's path
   */
  match(path: string, bytes: Uint8Array): readonly SignatureMatch[];
}
