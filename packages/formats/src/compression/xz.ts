import { crc32 } from "node:zlib";
import { undoBcjX86 } from "./bcj-x86.ts";
import { expandLzma2 } from "./lzma2.ts";

/** The .xz file format 1.2.1, 2.1.1: magic, two bytes of flags, their CRC32. */
const MAGIC = "\xfd7zXZ\0";
const STREAM_HEADER_BYTES = 12;
/** 2.1.1.2: bytes of the check after each block, by its type. */
const CHECK_BYTES = [0, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64] as const;
const CHECK_CRC32 = 1;
/** 5.3, 5.4: filter ids. */
const LZMA2 = 0x21;
const BCJ_X86 = 0x04;

/**
 * Expands the first stream of an .xz file into `target` and returns the number of bytes it made;
 * `undefined` where it is damaged, uses a filter other than LZMA2 and x86, or would not fit.
 *
 * Checks of type CRC32 are verified; the index, which says the same again, is not read. HOSTILE: whoever
 * made the file.
 */
export function expandXz(bytes: Uint8Array, target: Uint8Array): number | undefined {
  const isXz = Buffer.from(bytes.subarray(0, MAGIC.length)).toString("latin1") === MAGIC;
  if (!isXz || bytes.length < STREAM_HEADER_BYTES) return undefined;
  const check = (bytes[7] ?? 0) & 0x0f;
  let at = STREAM_HEADER_BYTES;
  let made = 0;
  for (;;) {
    const sizeByte = bytes[at];
    if (sizeByte === undefined) return undefined;
    if (sizeByte === 0) return made; // the index begins
    const headerBytes = (sizeByte + 1) * 4;
    const header = bytes.subarray(at, at + headerBytes);
    const hasX86 = parseFilters(header);
    if (hasX86 === undefined) return undefined;
    const start = at + headerBytes;
    const end = expandLzma2(bytes, start, target, made);
    if (end === undefined) return undefined;
    const block = target.subarray(made, end.made);
    if (hasX86) undoBcjX86(block);
    const checkAt = start + Math.ceil((end.at - start) / 4) * 4;
    at = checkAt + (CHECK_BYTES[check] ?? 0);
    if (at > bytes.length) return undefined;
    if (check === CHECK_CRC32 && crc32(block) !== littleEndian(bytes, checkAt)) return undefined;
    made = end.made;
  }
}

/** 3.1, "Block Header": whether the x86 filter comes before LZMA2; `undefined` for other chains. */
function parseFilters(header: Uint8Array): boolean | undefined {
  const crcAt = header.length - 4;
  if (crcAt < 4 || crc32(header.subarray(0, crcAt)) !== littleEndian(header, crcAt))
    return undefined;
  const flags = header[1] ?? 0;
  let at = 2;
  const skipInteger = () => {
    while (at < crcAt && (header[at] ?? 0) >= 0x80) at += 1;
    at += 1;
  };
  if ((flags & 0x40) !== 0) skipInteger(); // the compressed size
  if ((flags & 0x80) !== 0) skipInteger(); // the size once expanded
  const ids: number[] = [];
  for (let i = 0; i <= (flags & 3); i += 1) {
    const id = header[at] ?? 0;
    const propertiesBytes = header[at + 1] ?? 0;
    if (at + 2 + propertiesBytes > crcAt) return undefined;
    // The x86 filter may begin to count elsewhere than at 0; nobody has it do so.
    if (id === BCJ_X86 && propertiesBytes !== 0) return undefined;
    ids.push(id);
    at += 2 + propertiesBytes;
  }
  if (ids.length === 1 && ids[0] === LZMA2) return false;
  return ids.length === 2 && ids[0] === BCJ_X86 && ids[1] === LZMA2 ? true : undefined;
}

function littleEndian(bytes: Uint8Array, at: number): number {
  const [a = 0, b = 0, c = 0, d = 0] = bytes.subarray(at, at + 4);
  return (a | (b << 8) | (c << 16) | (d << 24)) >>> 0;
}
