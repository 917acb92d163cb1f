const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Up to here adding character by character is faster, and V8 keeps the result in one piece. */
const SHORT = 12;

/**
 * Bytes of a C string as text: UTF-8 where they are, else one character a byte, so that nothing is lost.
 *
 * HOSTILE: the text may hold anything; pass it through `printable` before a terminal sees it.
 */
export function decodeText(bytes: Uint8Array): string {
  let length = 0;
  let all = 0;
  for (; length < bytes.length; length += 1) {
    const byte = bytes[length] ?? 0;
    if (byte === 0) break;
    all |= byte;
  }
  if (all < 0x80 && length <= SHORT) {
    let ascii = "";
    for (let i = 0; i < length; i += 1) ascii += String.fromCharCode(bytes[i] ?? 0);
    return ascii;
  }
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, length);
  if (all < 0x80) return text.toString("latin1");
  try {
    return utf8.decode(text);
  } catch {
    // Not UTF-8, which no kernel string has to be.
    return text.toString("latin1");
  }
}
