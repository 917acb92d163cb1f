/** x^16 + x^15 + x^2 + 1, reflected. */
const POLYNOMIAL = 0xa001;

/** The CRC-16 of a few `bytes`, going on from `crc`: Linux's `crc16` (lib/crc16.c). */
export function crc16(crc: number, bytes: Uint8Array): number {
  let value = crc;
  for (const byte of bytes) {
    value ^= byte;
    for (let bit = 0; bit < 8; bit += 1) value = (value >>> 1) ^ ((value & 1) * POLYNOMIAL);
  }
  return value;
}
