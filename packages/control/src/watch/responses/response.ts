import type { JsonObject } from "@casemate/core";
import type { Static, TObject } from "typebox";
import type { Finding } from "../findings/finding.ts";

/** What is to be done. */
export type ResponseOrder =
  /** An operation of the spine, without its target: that is the finding's VM. */
  | { readonly operation: string; readonly parameters: JsonObject }
  /** The names of channels that are told of the finding, and of what becomes of it. */
  | { readonly channels: readonly string[] }
  /** Why it cannot be done about this finding. */
  | { readonly refused: string };

interface ResponseOptions<Parameters extends TObject> {
  /** As in rules: `snapshot`. */
  readonly id: string;
  readonly summary: string;
  readonly parameters: Parameters;
  /** What is asked of the spine; the same for the same opening of the finding. */
  order(finding: Finding, parameters: Static<Parameters>): ResponseOrder;
}

/** Something that a rule can have done about a finding. */
export interface Response {
  readonly id: string;
  readonly summary: string;
  readonly parameters: TObject;
  order(finding: Finding, parameters: JsonObject): ResponseOrder;
}

/** A response as a value, typed by its parameters; it takes its place in the list of `responses.ts`. */
export function defineResponse<Parameters extends TObject>(
  options: ResponseOptions<Parameters>,
): Response {
  const { id, summary, parameters } = options;
  return {
    ...{ id, summary, parameters },
    order: (finding, given) => options.order(finding, given as Static<Parameters>), // rules are checked against the schema
  };
}
