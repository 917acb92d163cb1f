import { crc32c } from "../../../../crc32c.ts";
import type { BlockReader } from "../../../block-reader.ts";
import { readBytes } from "../../../read-bytes.ts";
import { crc32Be } from "./crc32-be.ts";
import { JOURNAL_MAGIC, type JournalSuperblock } from "./journal-superblock.ts";
import type { LoggedBlock, Transaction } from "./logged-block.ts";

/** Linux 6.12, include/linux/jbd2.h: `journal_header_t`, big-endian: magic, block type, sequence. */
const HEADER_BYTES = 12;
const DESCRIPTOR = 1;
const COMMIT = 2;
const REVOKE = 5;
/** `JBD2_FLAG_*` of a tag. */
const ESCAPE = 1;
const SAME_UUID = 2;
const LAST_TAG = 8;
const UUID_BYTES = 16;
/** `struct commit_header`: checksum type and size, checksum, seconds, nanoseconds. */
const COMMIT_CHECKSUM_TYPE_AT = 12;
const COMMIT_CHECKSUM_AT = 16;
const COMMIT_SECONDS_AT = 48;
const COMMIT_NANOSECONDS_AT = 56;
const CRC32_OF_4_BYTES = 0x0104;
/** `struct jbd2_journal_block_tail`. */
const TAIL_BYTES = 4;
const NO_CHECKSUM = new Uint8Array(TAIL_BYTES);
/** `struct jbd2_journal_revoke_header_s`: how many of its bytes are used, after the header. */
const REVOKE_HEADER_BYTES = 16;
/** More are in no log that a file system is made with: 2 GiB of blocks of 4 KiB. */
const MAX_LOGGED = 524_288;

/** Where the transactions end. */
export interface LogEnd {
  /** The number that the next would have had. */
  readonly sequence: number;
  /** Why what is behind it could not be read though it was committed; `undefined` where nothing is. */
  readonly problem: string | undefined;
}

/**
 * The committed transactions of a log, in their order (Linux 6.12, fs/jbd2/recovery.c).
 *
 * HOSTILE: the log may be a circle, and its blocks may be one block many times: what is read ends after as
 * many blocks as it has, and after 524,288 that are logged.
 */
export function* walkTransactions(
  journal: BlockReader,
  shape: JournalSuperblock,
): Generator<Transaction, LogEnd> {
  const { blockSize, first, end, checksum, isWide } = shape;
  const hasTails = checksum === "v2" || checksum === "v3";
  const room = blockSize - (hasTails ? TAIL_BYTES : 0);
  let left = end - first;
  let next = shape.start;
  let { sequence } = shape;
  let logged: LoggedBlock[] = [];
  let revoked: number[] = [];
  let total = 0;
  let committed = 0n;
  let isSuspect = false;
  let crc = 0xffff_ffff;
  const take = () => {
    const at = next;
    next = next + 1 >= end ? first : next + 1;
    left -= 1;
    return at;
  };
  const readBlock = (at: number) => readBytes(journal, at * blockSize, blockSize, "the journal");
  const stop = (problem?: string): LogEnd => ({ sequence, problem });

  while (left > 0) {
    const block = readBlock(take());
    if (block.readUInt32BE(0) !== JOURNAL_MAGIC || block.readUInt32BE(8) !== sequence)
      return stop();
    const type = block.readUInt32BE(4);
    if (type === DESCRIPTOR) {
      isSuspect ||= hasTails && !isSound(block, blockSize - TAIL_BYTES, shape);
      if (checksum === "transaction") crc = crc32Be(crc, block);
      for (const tag of walkTags(block.subarray(0, room), shape)) {
        if (left <= 0) return stop();
        if (total >= MAX_LOGGED) return stop(`more than ${MAX_LOGGED} blocks in the log`);
        const at = take();
        total += 1;
        if (checksum === "transaction") crc = crc32Be(crc, readBlock(at));
        logged.push({ ...tag, at, sequence });
      }
    } else if (type === REVOKE) {
      isSuspect ||= hasTails && !isSound(block, blockSize - TAIL_BYTES, shape);
      const width = isWide ? 8 : 4;
      const used = Math.min(block.readUInt32BE(HEADER_BYTES), room);
      for (let at = REVOKE_HEADER_BYTES; at + width <= used; at += width) {
        if (total >= MAX_LOGGED) return stop(`more than ${MAX_LOGGED} blocks in the log`);
        total += 1;
        revoked.push(isWide ? Number(block.readBigUInt64BE(at)) : block.readUInt32BE(at));
      }
    } else if (type === COMMIT) {
      const time = commitTime(block);
      const isWhole =
        checksum === "transaction"
          ? isSoundTransaction(block, crc)
          : !hasTails || isSound(block, COMMIT_CHECKSUM_AT, shape);
      if (isSuspect || !isWhole) {
        // What is older than what came before it was left there by an older journal.
        if (time < committed) return stop();
        return stop(`transaction ${sequence} does not match its checksum`);
      }
      yield { logged, revoked };
      committed = time;
      logged = [];
      revoked = [];
      crc = 0xffff_ffff;
      sequence = (sequence + 1) >>> 0;
    } else return stop();
  }
  return stop();
}

/** `journal_block_tag3_t`, or `journal_block_tag_t` as long as the journal's features make it. */
function* walkTags(
  block: Buffer,
  { checksum, isWide }: JournalSuperblock,
): Generator<Pick<LoggedBlock, "block" | "isEscaped" | "checksum">> {
  const isV3 = checksum === "v3";
  // In version 2 a tag is two bytes longer than its fields (journal_tag_bytes).
  const width = isV3 ? 16 : 8 + (isWide ? 4 : 0) + (checksum === "v2" ? 2 : 0);
  for (let at = HEADER_BYTES; at + width <= block.length; ) {
    const flags = isV3 ? block.readUInt32BE(at + 4) : block.readUInt16BE(at + 6);
    const high = isWide ? block.readUInt32BE(at + 8) : 0;
    yield {
      block: block.readUInt32BE(at) + high * 2 ** 32,
      isEscaped: (flags & ESCAPE) !== 0,
      checksum: isV3 ? block.readUInt32BE(at + 12) : block.readUInt16BE(at + 4),
    };
    if ((flags & LAST_TAG) !== 0) return;
    at += width + ((flags & SAME_UUID) === 0 ? UUID_BYTES : 0);
  }
}

/** The checksum's own bytes count as zeros. */
function isSound(block: Buffer, checksumAt: number, { checksumSeed }: JournalSuperblock): boolean {
  const before = crc32c(checksumSeed, block.subarray(0, checksumAt));
  const after = block.subarray(checksumAt + TAIL_BYTES);
  return crc32c(crc32c(before, NO_CHECKSUM), after) === block.readUInt32BE(checksumAt);
}

/** A commit without a checksum is as good as one with the right one. */
function isSoundTransaction(commit: Buffer, crc: number): boolean {
  const type = commit.readUInt16BE(COMMIT_CHECKSUM_TYPE_AT);
  const stored = commit.readUInt32BE(COMMIT_CHECKSUM_AT);
  return (type === CRC32_OF_4_BYTES && stored === crc) || (type === 0 && stored === 0);
}

/** In nanoseconds since 1970. */
const commitTime = (commit: Buffer): bigint =>
  commit.readBigUInt64BE(COMMIT_SECONDS_AT) * 1_000_000_000n +
  BigInt(commit.readUInt32BE(COMMIT_NANOSECONDS_AT));
