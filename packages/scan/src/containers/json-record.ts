import { CasemateError } from "@casemate/core";
import type { Look } from "../look.ts";

/** Members of a JSON object that somebody else wrote: nothing of their types is known. */
export type JsonRecord = Readonly<Record<string, unknown>>;

/** The JSON in a file; `undefined` where there is none, and where it is no JSON, which is missed. */
export function readJson(look: Look, path: string, mostBytes: number): unknown {
  const bytes = look.read(path, mostBytes);
  if (bytes === undefined) return undefined;
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch (cause) {
    const seen = cause instanceof Error ? cause.message : String(cause);
    const sentence = `Cannot parse ${path}: ${seen}, expected JSON.`;
    look.miss(path, new CasemateError("scan/damaged", sentence, { cause }));
    return undefined;
  }
}

/** The value if it is an object; else one without members. */
export function asRecord(value: unknown): JsonRecord {
  const isRecord = typeof value === "object" && value !== null && !Array.isArray(value);
  return isRecord ? (value as JsonRecord) : {}; // an object has members of unknown types
}

export function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** The texts of a list, up to `most`; all else in it is passed over. */
export function asTexts(value: unknown, most: number): readonly string[] {
  return asList(value)
    .slice(0, most)
    .filter((each) => typeof each === "string");
}

export function asText(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
