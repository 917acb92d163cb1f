/** A value of a row. 64-bit numbers that a double cannot hold lose their last digits. */
export type SqliteValue = null | number | string | Buffer;

/** A number of 1 to 9 bytes, and where it ends. */
export interface Varint {
  readonly value: number;
  readonly end: number;
}

/** sqlite.org/fileformat2.html, 1.6 "B-tree Pages": seven bits a byte, the highest says that more follow. */
export function readVarint(bytes: Buffer, at: number): Varint | undefined {
  let value = 0;
  for (let i = 0; i < 9; i += 1) {
    const byte = bytes[at + i];
    if (byte === undefined) return undefined;
    if (i === 8) return { value: value * 256 + byte, end: at + 9 };
    value = value * 128 + (byte & 0x7f);
    if (byte < 0x80) return { value, end: at + i + 1 };
  }
  return undefined;
}

/** HOSTILE: SQLite allows 32,767. */
const MAX_COLUMNS = 2_000;

/** A record (2.1 "Record Format"); `undefined` where its types and its values do not fit in it. */
export function parseRecord(bytes: Buffer): readonly SqliteValue[] | undefined {
  const header = readVarint(bytes, 0);
  if (header === undefined || header.value > bytes.length) return undefined;
  const values: SqliteValue[] = [];
  let value = header.value;
  for (let at = header.end; at < header.value; ) {
    const type = readVarint(bytes, at);
    if (type === undefined || values.length >= MAX_COLUMNS) return undefined;
    at = type.end;
    const end = value + lengthOf(type.value);
    if (end > bytes.length) return undefined;
    values.push(parseValue(type.value, bytes.subarray(value, end)));
    value = end;
  }
  return values;
}

/** Bytes of the integers of types 0 to 9; 7 is a double, 8 and 9 are 0 and 1 themselves. */
const LENGTHS = [0, 1, 2, 3, 4, 6, 8, 8, 0, 0] as const;
const DOUBLE = 7;
const FIRST_BLOB = 12;

function lengthOf(type: number): number {
  if (type < FIRST_BLOB) return LENGTHS[type] ?? 0;
  return Math.floor((type - FIRST_BLOB) / 2);
}

function parseValue(type: number, bytes: Buffer): SqliteValue {
  if (type === 0) return null;
  if (type >= FIRST_BLOB) return type % 2 === 0 ? bytes : bytes.toString("utf8");
  if (type === DOUBLE) return bytes.readDoubleBE(0);
  if (bytes.length === 0) return type - 8;
  return bytes.length === 8 ? Number(bytes.readBigInt64BE(0)) : bytes.readIntBE(0, bytes.length);
}
