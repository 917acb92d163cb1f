const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Bytes of a C string as text: UTF-8 where they are, else one character a byte, so that nothing is lost.
 *
 * HOSTILE: the text may hold anything; pass it through `printable` before a terminal sees it.
 */
export function decodeText(bytes: Uint8Array): string {
  let ascii = "";
  for (const byte of bytes) {
    if (byte === 0) return ascii;
    if (byte >= 0x80) return decodeWide(bytes);
    ascii += String.fromCharCode(byte);
  }
  return ascii;
}

function decodeWide(bytes: Uint8Array): string {
  const nul = bytes.indexOf(0);
  const text = nul < 0 ? bytes : bytes.subarray(0, nul);
  try {
    return utf8.decode(text);
  } catch {
    // Not UTF-8, which no kernel string has to be.
    return Buffer.from(text).toString("latin1");
  }
}
