import { BinaryReader, CasemateError } from "@casemate/core";

/** LiME's `lime_mem_range_header`, packed (LiME doc/README, "LiME Memory Range Header Version 1"). */
export const LIME_HEADER_BYTES = 32;
const MAGIC = 0x4c694d45;
const VERSION = 1;
const MAX_PHYSICAL = 2n ** 52n;

/** Whether a file starts as a LiME file does. */
export const isLime = (head: Uint8Array): boolean =>
  head.length >= 4 && new DataView(head.buffer, head.byteOffset).getUint32(0, true) === MAGIC;

/**
 * One header of a LiME file: the physical range `[start, end)` whose bytes follow it.
 *
 * HOSTILE: whoever made the file. Throws `dump/truncated` and `dump/unknown-format`.
 */
export function parseLimeHeader(bytes: Uint8Array): {
  readonly start: number;
  readonly end: number;
} {
  const reader = new BinaryReader(bytes, "a LiME header", "dump/truncated");
  const magic = reader.u32("magic");
  const version = reader.u32("version");
  const start = reader.u64("s_addr");
  const last = reader.u64("e_addr"); // the last address itself, not the one after it
  reader.bytes("reserved", 8);
  if (magic !== MAGIC || version !== VERSION || last < start || last >= MAX_PHYSICAL) {
    throw new CasemateError(
      "dump/unknown-format",
      `Cannot read a LiME header: magic 0x${magic.toString(16)}, version ${version}, range 0x${start.toString(16)} to 0x${last.toString(16)}, expected 0x${MAGIC.toString(16)}, ${VERSION} and a physical range.`,
    );
  }
  return { start: Number(start), end: Number(last) + 1 };
}
