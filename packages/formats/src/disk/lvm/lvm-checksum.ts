import { crc32 } from "node:zlib";

/** LVM2, lib/misc/crc.h: `INITIAL_CRC`. */
const INITIAL_CRC = 0xf597_a6cf;

/** The CRC-32 that LVM2 keeps of its labels and metadata (`calc_crc`): begun elsewhere, not inverted at its end. */
export function lvmChecksum(...parts: readonly Uint8Array[]): number {
  let crc = ~INITIAL_CRC >>> 0;
  for (const part of parts) crc = crc32(part, crc);
  return ~crc >>> 0;
}
