import { crc32c } from "../../../crc32c.ts";
import { damaged } from "./xfs-error.ts";

const NO_CHECKSUM = new Uint8Array(4);

/**
 * Verifies the CRC-32C of `bytes`, which is in them at byte `at`, little-endian unlike all else in XFS, and
 * counts as zeros there (Linux 6.12, fs/xfs/libxfs/xfs_cksum.h). Throws `disk/damaged`.
 */
export function verifyChecksum(bytes: Buffer, at: number, what: string): void {
  const before = crc32c(0xffff_ffff, bytes.subarray(0, at));
  const after = crc32c(crc32c(before, NO_CHECKSUM), bytes.subarray(at + NO_CHECKSUM.length));
  const seen = (after ^ 0xffff_ffff) >>> 0;
  const stored = bytes.readUInt32LE(at);
  if (seen === stored) return;
  throw damaged(what, `checksum 0x${seen.toString(16)}`, `0x${stored.toString(16)}`);
}
