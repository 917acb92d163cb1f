const REPLACEMENT = "\ufffd";
/** A byte that is no UTF-8 becomes this and the byte, as PEP 383 ("surrogateescape") has it. */
const ESCAPE = 0xdc00;

/**
 * The name in `bytes` from `start` to before `end`, as a string that no other bytes give: files are found by it,
 * whatever its bytes are.
 */
export function decodeName(bytes: Buffer, start = 0, end = bytes.length): string {
  const text = bytes.toString("utf8", start, end);
  return text.includes(REPLACEMENT) ? decodeExactly(bytes.subarray(start, end), text) : text;
}

function decodeExactly(bytes: Buffer, text: string): string {
  if (Buffer.from(text).equals(bytes)) return text;
  let name = "";
  for (let at = 0; at < bytes.length; ) {
    const length = characterLength(bytes, at);
    name +=
      length > 0
        ? bytes.toString("utf8", at, at + length)
        : String.fromCharCode(ESCAPE + (bytes[at] ?? 0));
    at += Math.max(length, 1);
  }
  return name;
}

/** Bytes of the UTF-8 character at `at`; 0 where none is. */
function characterLength(bytes: Buffer, at: number): number {
  const first = bytes[at] ?? 0;
  const length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  const text = bytes.toString("utf8", at, at + length);
  return text.includes(REPLACEMENT) && !Buffer.from(text).equals(bytes.subarray(at, at + length))
    ? 0
    : length;
}
