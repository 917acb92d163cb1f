/** A place in a ledger's files that is not as it was written. */
export interface Damage {
  /** The file's path under the ledger's directory. */
  readonly file: string;
  /** Where in the file: `byte 64`, `line 3`, `entry 5 (fact 261)`. */
  readonly place?: string;
  /** What is wrong there, as one sentence. */
  readonly problem: string;
}

/** Takes down what is found. */
export type Report = (file: string, problem: string, place?: string) => void;
