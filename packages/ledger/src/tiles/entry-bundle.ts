import { CasemateError } from "@casemate/core";

/** The longest entry that its 16-bit length can say, in bytes. */
export const MAX_ENTRY_LENGTH = 0xffff;

/** Entries as C2SP tlog-tiles keeps them ("Log entries"): each after its length, 16 bits, big-endian. */
export function formatEntryBundle(entries: readonly Uint8Array[]): Buffer {
  const bundle = Buffer.allocUnsafe(entries.reduce((sum, { length }) => sum + 2 + length, 0));
  let at = 0;
  for (const entry of entries) {
    bundle.writeUInt16BE(entry.length, at);
    bundle.set(entry, at + 2);
    at += 2 + entry.length;
  }
  return bundle;
}

/**
 * The entries of a bundle, which has `width` of them; not copied. `what` names it in errors.
 *
 * Throws `ledger/damaged`.
 */
export function parseEntryBundle(bytes: Uint8Array, width: number, what: string): Uint8Array[] {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const entries: Uint8Array[] = [];
  let at = 0;
  while (entries.length < width) {
    const end = at + 2 <= view.length ? at + 2 + view.readUInt16BE(at) : Number.POSITIVE_INFINITY;
    if (end > view.length) {
      throw new CasemateError(
        "ledger/damaged",
        `Cannot read ${what}: it ends at byte ${view.length} in entry ${entries.length}, expected ${width} entries.`,
      );
    }
    entries.push(view.subarray(at + 2, end));
    at = end;
  }
  if (at !== view.length) {
    throw new CasemateError(
      "ledger/damaged",
      `Cannot read ${what}: bytes follow its ${width} entries from byte ${at} on, expected none.`,
    );
  }
  return entries;
}
