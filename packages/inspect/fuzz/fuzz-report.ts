/** A mutant that broke something. */
export interface FuzzFailure {
  /** `--seed SEED --count 1` makes it again from the same dump. */
  readonly seed: number;
  readonly message: string;
}

/** What a run of a fuzz target found. */
export interface FuzzReport {
  readonly mutants: number;
  readonly failures: readonly FuzzFailure[];
  /** How often mutants ended how. */
  readonly outcomes: Readonly<Record<string, number>>;
  readonly seconds: number;
  /** The longest that one mutant took, in milliseconds. */
  readonly worst: { readonly milliseconds: number; readonly seed: number };
  /** The most anonymous memory beyond what the program had before the first mutant. */
  readonly peak: { readonly bytes: number; readonly seed: number };
}
