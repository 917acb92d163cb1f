import { type BlockReader, readBytes } from "@casemate/formats/disk";

/** sqlite.org/fileformat2.html, 4.1 "WAL File Format"; all big-endian. */
const HEADER_BYTES = 32;
const FRAME_BYTES = 24;
const HEADER = { magic: 0, pageSize: 8, salt: 16, checksum: 24 } as const;
const FRAME = { page: 0, commit: 4, salt: 8, checksum: 16 } as const;
const MAGIC = 0x377f_0682;
/** With it, checksums are over big-endian words. */
const BIG_ENDIAN = 1;
/** HOSTILE: SQLite begins anew after 1,000 pages, mostly. */
const MAX_FRAMES = 1_000_000;

/**
 * Where each page's newest committed version is in a write-ahead log, by page number; none where there is no
 * log, or none of this database. As SQLite does, it reads up to the first frame that is not whole.
 */
export function readWriteAheadLog(
  log: BlockReader | undefined,
  pageSize: number,
): ReadonlyMap<number, number> {
  const committed = new Map<number, number>();
  if (log === undefined || log.size < HEADER_BYTES) return committed;
  const header = readBytes(log, 0, HEADER_BYTES, "a write-ahead log");
  const magic = header.readUInt32BE(HEADER.magic);
  if ((magic & ~BIG_ENDIAN) !== MAGIC || header.readUInt32BE(HEADER.pageSize) !== pageSize) {
    return committed;
  }
  const isBig = (magic & BIG_ENDIAN) !== 0;
  let sum = addUp([0, 0], header.subarray(0, HEADER.checksum), isBig);
  if (!isSame(sum, header, HEADER.checksum)) return committed;
  const salt = header.subarray(HEADER.salt, HEADER.checksum);
  const length = FRAME_BYTES + pageSize;
  const pending = new Map<number, number>();
  for (let i = 0; i < MAX_FRAMES; i += 1) {
    const at = HEADER_BYTES + i * length;
    if (at + length > log.size) break;
    const frame = readBytes(log, at, length, "a frame");
    if (!frame.subarray(FRAME.salt, FRAME.checksum).equals(salt)) break;
    sum = addUp(sum, frame.subarray(0, FRAME.salt), isBig);
    sum = addUp(sum, frame.subarray(FRAME_BYTES), isBig);
    if (!isSame(sum, frame, FRAME.checksum)) break;
    pending.set(frame.readUInt32BE(FRAME.page), at + FRAME_BYTES);
    // The last frame of a transaction has the database's size in pages.
    if (frame.readUInt32BE(FRAME.commit) === 0) continue;
    for (const [page, offset] of pending) committed.set(page, offset);
    pending.clear();
  }
  return committed;
}

type Sum = readonly [number, number];

/** 4.2, "Checksum Algorithm". */
function addUp([first, second]: Sum, bytes: Buffer, isBig: boolean): Sum {
  let a = first;
  let b = second;
  for (let at = 0; at < bytes.length; at += 8) {
    const one = isBig ? bytes.readUInt32BE(at) : bytes.readUInt32LE(at);
    const other = isBig ? bytes.readUInt32BE(at + 4) : bytes.readUInt32LE(at + 4);
    a = (a + one + b) >>> 0;
    b = (b + other + a) >>> 0;
  }
  return [a, b];
}

const isSame = ([a, b]: Sum, bytes: Buffer, at: number): boolean =>
  bytes.readUInt32BE(at) === a && bytes.readUInt32BE(at + 4) === b;
