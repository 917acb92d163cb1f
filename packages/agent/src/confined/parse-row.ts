import type { CasemateError, ErrorCode } from "@casemate/core";
import type { ViewItem, ViewValue } from "../view-table.ts";

const limits = {
  keys: 64,
  text: 64 * 1024,
  depth: 4,
  message: 1_000,
};

/** What does not fit, as an error: "a text that is too long". */
export type Unfit = (seen: string) => CasemateError;

/** A row of a table out of a guest. HOSTILE: whoever sent it. Throws `unfit`. */
export function parseRow(row: unknown, unfit: Unfit): ViewItem {
  if (!isRecord(row)) throw unfit("a row that is no object");
  const entries = Object.entries(row);
  if (entries.length > limits.keys) throw unfit("a row of too many fields");
  return Object.fromEntries(entries.map(([key, value]) => [key, parseValue(value, 0, unfit)]));
}

function parseValue(value: unknown, depth: number, unfit: Unfit): ViewValue {
  if (value === null || typeof value === "boolean" || typeof value === "number") return value;
  if (typeof value === "string") {
    if (value.length > limits.text) throw unfit("a text that is too long");
    return value;
  }
  if (depth >= limits.depth) throw unfit("values nested too deep");
  const parseInner = (inner: unknown) => parseValue(inner, depth + 1, unfit);
  if (Array.isArray(value)) return value.map(parseInner);
  if (!isRecord(value)) throw unfit("a value of no known kind");
  const entries = Object.entries(value).map(([key, inner]) => [key, parseInner(inner)]);
  return Object.fromEntries(entries);
}

/** An error, with `inspect/crashed` for a code that is not among `codes`: it is not to be believed. */
export function parseFailure(
  error: Readonly<Record<string, unknown>>,
  codes: ReadonlySet<string>,
  unfit: Unfit,
): { readonly code: ErrorCode; readonly message: string } {
  const { code, message } = error;
  if (typeof code !== "string" || typeof message !== "string") throw unfit("half an error");
  const isKnown = (text: string): text is ErrorCode => codes.has(text);
  return {
    code: isKnown(code) ? code : "inspect/crashed",
    message: message.slice(0, limits.message),
  };
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
