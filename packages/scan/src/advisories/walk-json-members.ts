import { feedError } from "./feed-error.ts";

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const COMMA = 0x2c;
const OPEN = new Set([0x7b, 0x5b]);
const CLOSE = new Set([0x7d, 0x5d]);
const SPACE = new Set([0x20, 0x09, 0x0a, 0x0d]);

/**
 * The members of the object that a JSON document is, one after the other, each parsed by itself: a document of a
 * hundred mebibytes never becomes values all at once.
 *
 * HOSTILE: whoever wrote it. Throws `feed/malformed`.
 */
export function* walkJsonMembers(
  bytes: Buffer,
  what: string,
): Generator<readonly [name: string, value: unknown]> {
  let at = skipSpace(bytes, 0);
  if (bytes[at] !== 0x7b) throw malformed(what, `no { is at byte ${at}`);
  at = skipSpace(bytes, at + 1);
  if (bytes[at] === 0x7d) return;
  for (;;) {
    const nameEnd = bytes[at] === QUOTE ? endOfString(bytes, at) : -1;
    const colon = skipSpace(bytes, nameEnd);
    if (nameEnd === -1 || bytes[colon] !== COLON)
      throw malformed(what, `no member is at byte ${at}`);
    const valueEnd = endOfValue(bytes, skipSpace(bytes, colon + 1));
    const name = parse(bytes.subarray(at, nameEnd), what);
    yield [String(name), parse(bytes.subarray(colon + 1, valueEnd), what)];
    const next = skipSpace(bytes, valueEnd);
    if (bytes[next] === 0x7d) return;
    if (bytes[next] !== COMMA) throw malformed(what, `it ends or goes on oddly at byte ${next}`);
    at = skipSpace(bytes, next + 1);
  }
}

function skipSpace(bytes: Buffer, from: number): number {
  let at = from;
  while (SPACE.has(bytes[at] ?? 0)) at += 1;
  return at;
}

/** After the closing quote of the string that begins at `from`, or the end of all. */
function endOfString(bytes: Buffer, from: number): number {
  for (let at = bytes.indexOf(QUOTE, from + 1); at !== -1; at = bytes.indexOf(QUOTE, at + 1)) {
    let backslashes = 0;
    while (bytes[at - 1 - backslashes] === BACKSLASH) backslashes += 1;
    if (backslashes % 2 === 0) return at + 1;
  }
  return bytes.length;
}

/** After the value that begins at `from`; JSON.parse says whether it is one. */
function endOfValue(bytes: Buffer, from: number): number {
  let depth = 0;
  for (let at = from; at < bytes.length; at += 1) {
    const byte = bytes[at] ?? 0;
    if (byte === QUOTE) at = endOfString(bytes, at) - 1;
    else if (OPEN.has(byte)) depth += 1;
    else if (CLOSE.has(byte)) {
      if (depth === 0) return at; // the document's own
      depth -= 1;
    } else if (byte === COMMA && depth === 0) return at;
  }
  return bytes.length;
}

function parse(bytes: Buffer, what: string): unknown {
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch (cause) {
    throw malformed(what, "a part of it is not JSON", cause);
  }
}

function malformed(what: string, seen: string, cause?: unknown) {
  return feedError("feed/malformed", `read ${what}`, { seen, needed: "one JSON object", cause });
}
