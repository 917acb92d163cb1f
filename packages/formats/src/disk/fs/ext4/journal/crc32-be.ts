/** The CRC-32 polynomial, not reflected. */
const POLYNOMIAL = 0x04c1_1db7;
const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte << 24;
  for (let bit = 0; bit < 8; bit += 1) value = (value << 1) ^ (value < 0 ? POLYNOMIAL : 0);
  return value;
});

/** The CRC-32 of `bytes`, most significant bit first, going on from `crc`: Linux's `crc32_be`. */
export function crc32Be(crc: number, bytes: Uint8Array): number {
  let value = crc;
  for (const byte of bytes) value = (value << 8) ^ (TABLE[(value >>> 24) ^ byte] ?? 0);
  return value >>> 0;
}
