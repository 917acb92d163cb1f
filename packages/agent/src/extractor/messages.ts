import { CasemateError, errorCatalogue } from "@casemate/core";
import { isRecord, parseFailure } from "../confined/parse-row.ts";
import { parserThatThrows } from "../confined/parse-values.ts";
import type { Failure } from "../confined/serve.ts";

/** What the agent asks its extractor; the guest's memory and the file come over the other socket before the first. */
export type ExtractorRequest =
  | { readonly ask: "open"; readonly at: number }
  /** Begins a pass over all RAM, as far as it comes in `sliceMs`. */
  | { readonly ask: "pass"; readonly sliceMs: number }
  | { readonly ask: "go-on"; readonly sliceMs: number };

/** How large the extract is. */
export interface ExtractSize {
  readonly bytes: number;
  readonly ramBytes: number;
}

/** How far the pass has come, in bytes of RAM; `changed`: how many of them were other than in the extract. */
export interface PassProgress {
  readonly passed: number;
  readonly changed: number;
  readonly isOver: boolean;
}

export type ExtractorAnswer = ExtractSize | PassProgress | Failure;

/** Codes that an extractor may end with; any other from it is not to be believed. */
const codes: ReadonlySet<string> = new Set(
  Object.keys(errorCatalogue).filter((code) =>
    /^(vm\/gone|disk\/full|memory\/.*|internal)$/.test(code),
  ),
);

/** HOSTILE: it copies what a guest holds, and may be in its hands. Throws `inspect/crashed`. */
export function parseExtractorAnswer(value: unknown): ExtractorAnswer {
  const parse = parserThatThrows(unfit);
  const record = parse.record(value);
  const { error } = record;
  if (isRecord(error)) return { error: parseFailure(error, codes, unfit) };
  if ("ramBytes" in record) {
    return { bytes: parse.number(record["bytes"]), ramBytes: parse.number(record["ramBytes"]) };
  }
  const isOver = record["isOver"] === true;
  return {
    passed: parse.number(record["passed"]),
    changed: parse.number(record["changed"]),
    isOver,
  };
}

function unfit(seen: string): CasemateError {
  return new CasemateError(
    "inspect/crashed",
    `Cannot take the extractor's answer: ${seen}, expected how far it is or an error.`,
  );
}
