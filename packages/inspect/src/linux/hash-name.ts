/**
 * A hash (FNV-1a) of the name that begins at `start` of `bytes`: of what is before a NUL, `limit` bytes at most.
 * HOSTILE: a guest may leave the NUL out, and has many symbols.
 */
export function hashName(bytes: Uint8Array, start: number, limit: number): number {
  const end = Math.min(bytes.length, start + limit);
  let hash = 0x811c_9dc5;
  for (let at = start; at < end; at += 1) {
    const byte = bytes[at] ?? 0;
    if (byte === 0) break;
    hash = Math.imul(hash ^ byte, 0x0100_0193);
  }
  return hash;
}
