import type { BlockReader } from "./block-reader.ts";
import { diskError } from "./disk-error.ts";

/**
 * `length` bytes from byte `offset` on, which `what` names in errors.
 *
 * HOSTILE: an offset out of an image may be anything; `disk/truncated` where the bytes are not within
 * `reader`. The caller has bounded `length`.
 */
export function readBytes(
  reader: BlockReader,
  offset: number,
  length: number,
  what: string,
): Buffer<ArrayBuffer> {
  verifyWithin(reader, offset, length, what);
  const bytes = Buffer.allocUnsafe(length);
  reader.read(offset, bytes);
  return bytes;
}

/** Throws `disk/truncated` unless `length` bytes from byte `offset` on are within `reader`. */
export function verifyWithin(
  reader: BlockReader,
  offset: number,
  length: number,
  what: string,
): void {
  if (Number.isSafeInteger(offset) && offset >= 0 && offset + length <= reader.size) return;
  throw diskError("disk/truncated", `read ${what}`, {
    seen: `${reader.size} bytes are there`,
    needed: `${length} at byte ${offset}`,
  });
}
