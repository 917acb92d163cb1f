/** What became of one test. */
export interface TestReport {
  /** From the root, or as the runner has it. */
  readonly file: string;
  readonly name: string;
  /** How many tests it is within. */
  readonly nesting: number;
  readonly milliseconds: number;
  /** Why it cannot run on this machine. */
  readonly skipped?: string;
  /** Why it failed. */
  readonly error?: string;
}
