import { CasemateError } from "@casemate/core";
import { HASH_LENGTH, sha256 } from "../merkle/hashes.ts";

/**
 * The journal's form: what has been acknowledged and is not in the tiles yet.
 *
 *     header  magic ‖ index of its first fact, 64 bits
 *     frame   payload length, 32 bits ‖ check, 8 bytes ‖ payload ‖ digest, 32 bytes
 *     payload of each fact: leaf length, 32 bits ‖ leaf ‖ sealed length, 32 bits ‖ sealed bodies
 *
 * All numbers are big-endian. The digest is SHA-256 over the digest before (of the header, for the first
 * frame), the length and the payload; the check is the beginning of SHA-256 over the digest before and the
 * length. So a frame that was not written whole can be told from one that was changed.
 */
const magic = Buffer.from("casemate ledger journal v1\n");
const HEADER_LENGTH = magic.length + 8;
const CHECK_LENGTH = 8;
const FRAME_HEAD = 4 + CHECK_LENGTH;

/** A fact as the journal has it. */
export interface JournalRecord {
  readonly leaf: Buffer;
  /** Its sealed bodies, one line each. */
  readonly sealed: string;
}

/** A journal as it was read. */
export interface Journal {
  readonly firstIndex: number;
  readonly records: readonly JournalRecord[];
  /** Bytes that are whole: header and frames. What follows was not written to its end, and not acknowledged. */
  readonly length: number;
  readonly digest: Uint8Array;
}

/** The name of the journal that begins with fact `firstIndex`. */
export function journalName(firstIndex: number): string {
  return `journal/${String(firstIndex).padStart(16, "0")}`;
}

/** The header of a journal, and the digest that its first frame builds on. */
export function formatJournalHeader(firstIndex: number): { bytes: Buffer; digest: Uint8Array } {
  const bytes = Buffer.concat([magic, Buffer.alloc(8)]);
  bytes.writeBigUInt64BE(BigInt(firstIndex), magic.length);
  return { bytes, digest: sha256(bytes) };
}

/** A frame of facts, and the digest that the next one builds on. */
export function formatFrame(
  records: readonly JournalRecord[],
  before: Uint8Array,
): { bytes: Buffer; digest: Uint8Array } {
  const payload = Buffer.concat(
    records.flatMap(({ leaf, sealed }) => {
      const bytes = Buffer.from(sealed);
      return [uint32(leaf.length), leaf, uint32(bytes.length), bytes];
    }),
  );
  const length = uint32(payload.length);
  const digest = sha256(Buffer.concat([before, length, payload]));
  return { bytes: Buffer.concat([length, checkOf(before, length), payload, digest]), digest };
}

/**
 * A journal as its bytes say; a last frame that was not written to its end is left out.
 *
 * Throws `ledger/damaged`, with the place, for anything else that is not as it was written.
 */
export function parseJournal(bytes: Buffer, what: string): Journal {
  const damaged = (at: number, seen: string) =>
    new CasemateError(
      "ledger/damaged",
      `Cannot read ${what}: ${seen} at byte ${at}, expected it as it was written.`,
    );
  const begun = bytes.subarray(0, magic.length);
  if (!begun.equals(magic.subarray(0, begun.length))) throw damaged(0, "something else stands");
  if (bytes.length < HEADER_LENGTH) {
    return { firstIndex: 0, records: [], length: 0, digest: new Uint8Array() };
  }
  const firstIndex = Number(bytes.readBigUInt64BE(magic.length));
  let digest: Uint8Array = sha256(bytes.subarray(0, HEADER_LENGTH));
  let at = HEADER_LENGTH;
  const records: JournalRecord[] = [];
  const isZero = (start: number, end?: number) => bytes.subarray(start, end).every((b) => b === 0);
  while (at + FRAME_HEAD <= bytes.length) {
    const length = bytes.subarray(at, at + 4);
    if (!checkOf(digest, length).equals(bytes.subarray(at + 4, at + FRAME_HEAD))) {
      if (isZero(at)) break; // the file grew, its contents never came
      throw damaged(at, "a frame's head was changed");
    }
    const start = at + FRAME_HEAD;
    const end = start + length.readUInt32BE();
    if (end + HASH_LENGTH > bytes.length) break;
    const payload = bytes.subarray(start, end);
    const next = sha256(Buffer.concat([digest, length, payload]));
    if (!next.equals(bytes.subarray(end, end + HASH_LENGTH))) {
      const isLast = end + HASH_LENGTH === bytes.length;
      if (isLast && isZero(end)) break; // the file grew, not all of its contents came
      throw damaged(at, "a frame was changed");
    }
    records.push(...parsePayload(payload));
    digest = next;
    at = end + HASH_LENGTH;
  }
  return { firstIndex, records, length: at, digest };
}

/** The facts of a payload whose digest is right, so that it is as it was written. */
function parsePayload(payload: Buffer): JournalRecord[] {
  const records: JournalRecord[] = [];
  let at = 0;
  const take = () => {
    const start = at + 4;
    at = start + payload.readUInt32BE(at);
    return payload.subarray(start, at);
  };
  while (at < payload.length) records.push({ leaf: take(), sealed: take().toString("utf8") });
  return records;
}

function checkOf(before: Uint8Array, length: Uint8Array): Buffer {
  return sha256(Buffer.concat([before, length])).subarray(0, CHECK_LENGTH);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
