/** A document of a bundle as bytes: of ASCII alone, so that nothing of a guest's steers who reads it. */
export function formatDocument(document: object): Uint8Array {
  const text = JSON.stringify(document, null, 1).replace(
    /[^\x20-\x7e\n]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  return Buffer.from(`${text}\n`);
}
