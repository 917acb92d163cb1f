import { BinaryReader, CasemateError } from "@casemate/core";

/** LiME's `lime_mem_range_header`, packed (LiME doc/README, "LiME Memory Range Header Version 1"). */
export const LIME_HEADER_BYTES = 32;
const MAGIC = 0x4c694d45;
const VERSION = 1;
const MAX_PHYSICAL = 2n ** 52n;

/** A range of physical memory in a LiME file: `[start, end)`. */
export interface LimeRange {
  readonly start: number;
  readonly end: number;
}

/** Whether a file starts as a LiME file does. */
export const isLime = (head: Uint8Array): boolean =>
  head.length >= 4 && new DataView(head.buffer, head.byteOffset).getUint32(0, true) === MAGIC;

/** The header of the physical range `[start, end)`, whose bytes follow it. */
export function formatLimeHeader({ start, end }: LimeRange): Uint8Array {
  const header = Buffer.alloc(LIME_HEADER_BYTES);
  header.writeUInt32LE(MAGIC, 0);
  header.writeUInt32LE(VERSION, 4);
  header.writeBigUInt64LE(BigInt(start), 8);
  header.writeBigUInt64LE(BigInt(end) - 1n, 16); // the last address itself, not the one after it
  return header;
}

/**
 * One header of a LiME file: the physical range `[start, end)` whose bytes follow it.
 *
 * HOSTILE: whoever made the file. Throws `dump/truncated` and `dump/unknown-format`.
 */
export function parseLimeHeader(bytes: Uint8Array): LimeRange {
  const reader = new BinaryReader(bytes, "a LiME header", "dump/truncated");
  const magic = reader.u32("magic");
  const version = reader.u32("version");
  const start = reader.u64("s_addr");
  const last = reader.u64("e_addr"); // as above
  reader.bytes("reserved", 8);
  if (magic !== MAGIC || version !== VERSION || last < start || last >= MAX_PHYSICAL) {
    throw new CasemateError(
      "dump/unknown-format",
      `Cannot read a LiME header: magic 0x${magic.toString(16)}, version ${version}, range 0x${start.toString(16)} to 0x${last.toString(16)}, expected 0x${MAGIC.toString(16)}, ${VERSION} and a physical range.`,
    );
  }
  return { start: Number(start), end: Number(last) + 1 };
}
