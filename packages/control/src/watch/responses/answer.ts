/**
 * What became of a rule's answer to a finding:
 * - `rehearsed`: the rule is a dry run, and this is what it would have done;
 * - `told`: the channels that it names are told of the finding;
 * - `ordered`: a request was made, which tells how far it is;
 * - `failed`: it could not be planned, or did not come to a good end.
 */
export type AnswerState = "rehearsed" | "told" | "ordered" | "failed";

/** What a rule did about a finding, or would have done. */
export interface Answer {
  /** That of the request, where one was made. */
  readonly id: string;
  readonly finding: string;
  readonly rule: string;
  readonly response: string;
  /** That of the spine; undefined where channels are told. */
  readonly operation: string | undefined;
  readonly state: AnswerState;
  readonly at: string;
  /** What policies say of it, where it was rehearsed. */
  readonly decision: "permitted" | "needs-approval" | "denied" | undefined;
  /** What would have been done, each step as a sentence. */
  readonly steps: readonly string[];
  readonly message: string | undefined;
}
