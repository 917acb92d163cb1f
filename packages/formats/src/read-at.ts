import { CasemateError } from "@casemate/core";

/**
 * Reads a file that is too big to hold: up to `length` bytes from byte `offset` on, fewer only where it
 * ends. Throws what its I/O throws.
 */
export type ReadAt = (offset: number, length: number) => Uint8Array;

/** Exactly `length` bytes of a file; throws `dump/truncated`, naming `field`, where it ends before. */
export function readExactly(
  readAt: ReadAt,
  offset: number,
  length: number,
  field: string,
): Uint8Array {
  const bytes = readAt(offset, length);
  if (bytes.length === length) return bytes;
  throw new CasemateError(
    "dump/truncated",
    `Cannot read ${field}: ${bytes.length} bytes are there, expected ${length} at byte ${offset}.`,
  );
}
