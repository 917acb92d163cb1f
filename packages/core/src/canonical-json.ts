import { CasemateError } from "./casemate-error.ts";
import type { JsonValue } from "./json-value.ts";

/** Deeper than anything that is meant; a deeper value would exhaust the stack. */
const MAX_DEPTH = 100;

/**
 * The one way to write a JSON value (RFC 8785, JSON Canonicalization Scheme): equal values have equal text,
 * so that the text can be hashed and signed.
 *
 * Throws `json/unsupported` for what JSON has no form for (`undefined`, NaN, functions, objects of a class),
 * for half a surrogate pair, and for more than 100 levels.
 */
export function canonicalJson(value: JsonValue): string {
  return write(value, 0);
}

function write(value: unknown, depth: number): string {
  switch (typeof value) {
    case "string":
      return writeString(value);
    case "number":
      // RFC 8785, 3.2.2.3: as ECMAScript writes numbers, which is what JSON.stringify does.
      if (!Number.isFinite(value)) throw unsupported(String(value));
      return JSON.stringify(value);
    case "boolean":
      return value ? "true" : "false";
    case "object":
      if (value === null) return "null";
      if (depth === MAX_DEPTH) throw unsupported(`more than ${MAX_DEPTH} levels`);
      return Array.isArray(value) ? writeArray(value, depth) : writeObject(value, depth);
    case "undefined":
    case "bigint":
    case "function":
    case "symbol":
      throw unsupported(typeof value);
  }
}

function writeArray(items: readonly unknown[], depth: number): string {
  let text = "";
  for (const item of items) {
    text += text === "" ? write(item, depth + 1) : `,${write(item, depth + 1)}`;
  }
  return `[${text}]`;
}

function writeObject(object: object, depth: number): string {
  const prototype: unknown = Object.getPrototypeOf(object);
  if (prototype !== Object.prototype && prototype !== null) {
    throw unsupported(`an object of the class ${object.constructor.name}`);
  }
  let text = "";
  // RFC 8785, 3.2.3: by UTF-16 code units, which is how `sort` compares strings.
  for (const key of Object.keys(object).sort()) {
    const member = `${writeString(key)}:${write(Reflect.get(object, key), depth + 1)}`;
    text += text === "" ? member : `,${member}`;
  }
  return `{${text}}`;
}

function writeString(text: string): string {
  if (!text.isWellFormed()) throw unsupported("half a surrogate pair");
  return JSON.stringify(text);
}

function unsupported(seen: string): CasemateError {
  return new CasemateError(
    "json/unsupported",
    `Cannot write a value as canonical JSON: it holds ${seen}, expected what JSON has a form for.`,
  );
}
