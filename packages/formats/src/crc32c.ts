/** The Castagnoli polynomial, reflected (RFC 3720, 12.1). */
const POLYNOMIAL = 0x82f6_3b78;
const SLICES = 8;

/** `TABLE[k * 256 + b]`: what byte `b` does to the checksum of `k` bytes that follow it. */
const TABLE = makeTable();

/** Below this, what reads whole words costs more than it saves. */
const MIN_WORDS_BYTES = 64;
const WORD_BYTES = 4;

/**
 * The CRC-32C of `bytes`, going on from `crc`, neither inverted before nor after: as Linux has it in
 * `crc32c_le`, and ext4 and XFS with it.
 */
export function crc32c(crc: number, bytes: Uint8Array): number {
  const { length, byteOffset } = bytes;
  if (length < MIN_WORDS_BYTES) return takeBytes(crc, bytes, 0, length) >>> 0;
  const start = -byteOffset & (WORD_BYTES - 1);
  const count = Math.floor((length - start) / SLICES) * (SLICES / WORD_BYTES);
  const words = new Int32Array(bytes.buffer, byteOffset + start, count);
  const value = takeWords(takeBytes(crc, bytes, 0, start), words);
  return takeBytes(value, bytes, start + count * WORD_BYTES, length) >>> 0;
}

/** The same of an even number of words, as they are in memory. */
export function crc32cOfWords(crc: number, words: Int32Array): number {
  return takeWords(crc, words) >>> 0;
}

/** Two words at a time. They are little-endian, as on all hosts that Casemate runs on. */
function takeWords(crc: number, words: Int32Array): number {
  const table = TABLE;
  let value = crc;
  for (let at = 0; at < words.length; at += 2) {
    const low = (words[at] ?? 0) ^ value;
    const high = words[at + 1] ?? 0;
    value =
      (table[1792 + (low & 0xff)] ?? 0) ^
      (table[1536 + ((low >>> 8) & 0xff)] ?? 0) ^
      (table[1280 + ((low >>> 16) & 0xff)] ?? 0) ^
      (table[1024 + (low >>> 24)] ?? 0) ^
      (table[768 + (high & 0xff)] ?? 0) ^
      (table[512 + ((high >>> 8) & 0xff)] ?? 0) ^
      (table[256 + ((high >>> 16) & 0xff)] ?? 0) ^
      (table[high >>> 24] ?? 0);
  }
  return value;
}

function takeBytes(crc: number, bytes: Uint8Array, from: number, to: number): number {
  let value = crc;
  for (let at = from; at < to; at += 1) {
    value = (value >>> 8) ^ (TABLE[(value ^ (bytes[at] ?? 0)) & 0xff] ?? 0);
  }
  return value;
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
