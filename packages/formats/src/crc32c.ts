/** The Castagnoli polynomial, reflected (RFC 3720, 12.1). */
const POLYNOMIAL = 0x82f6_3b78;
const SLICES = 8;

/** `TABLE[k * 256 + b]`: what byte `b` does to the checksum of `k` bytes that follow it. */
const TABLE = makeTable();

/**
 * The CRC-32C of `bytes`, going on from `crc`, neither inverted before nor after: as Linux has it in
 * `crc32c_le`, and ext4 and XFS with it.
 */
export function crc32c(crc: number, bytes: Uint8Array): number {
  const table = TABLE;
  const length = bytes.length;
  let value = crc;
  let at = 0;
  for (; at + SLICES <= length; at += SLICES) {
    value ^=
      (bytes[at] ?? 0) |
      ((bytes[at + 1] ?? 0) << 8) |
      ((bytes[at + 2] ?? 0) << 16) |
      ((bytes[at + 3] ?? 0) << 24);
    value =
      (table[1792 + (value & 0xff)] ?? 0) ^
      (table[1536 + ((value >>> 8) & 0xff)] ?? 0) ^
      (table[1280 + ((value >>> 16) & 0xff)] ?? 0) ^
      (table[1024 + (value >>> 24)] ?? 0) ^
      (table[768 + (bytes[at + 4] ?? 0)] ?? 0) ^
      (table[512 + (bytes[at + 5] ?? 0)] ?? 0) ^
      (table[256 + (bytes[at + 6] ?? 0)] ?? 0) ^
      (table[bytes[at + 7] ?? 0] ?? 0);
  }
  for (; at < length; at += 1) {
    value = (value >>> 8) ^ (table[(value ^ (bytes[at] ?? 0)) & 0xff] ?? 0);
  }
  return value >>> 0;
}

function makeTable(): Int32Array {
  const table = new Int32Array(SLICES * 256);
  for (let byte = 0; byte < 256; byte += 1) {
    let value = byte;
    for (let bit = 0; bit < 8; bit += 1) value = (value >>> 1) ^ ((value & 1) * POLYNOMIAL);
    table[byte] = value;
  }
  for (let at = 256; at < table.length; at += 1) {
    const shorter = table[at - 256] ?? 0;
    table[at] = (shorter >>> 8) ^ (table[shorter & 0xff] ?? 0);
  }
  return table;
}
