import { crc32c } from "../../../../crc32c.ts";
import type { BlockReader } from "../../../block-reader.ts";
import { readBytes } from "../../../read-bytes.ts";
import { StructTable } from "../../../struct-table.ts";
import { damaged, unsupported } from "../ext4-error.ts";

/** Linux 6.12, include/linux/jbd2.h, `journal_superblock_s`: big-endian, as all of the log. */
const SUPERBLOCK = new StructTable("journal_superblock_s", "big", 1024, {
  h_magic: [0x00, "u32"],
  h_blocktype: [0x04, "u32"],
  s_blocksize: [0x0c, "u32"],
  s_maxlen: [0x10, "u32"],
  s_first: [0x14, "u32"],
  s_sequence: [0x18, "u32"],
  s_start: [0x1c, "u32"],
  s_feature_compat: [0x24, "u32"],
  s_feature_incompat: [0x28, "u32"],
  s_uuid: [0x30, 16],
  s_checksum_type: [0x50, "u8"],
  s_num_fc_blks: [0x54, "u32"],
  s_checksum: [0xfc, "u32"],
});

export const JOURNAL_MAGIC = 0xc03b_3998;
const SUPERBLOCK_V1 = 3;
const SUPERBLOCK_V2 = 4;
const CHECKSUM_AT = 0xfc;
const CHECKSUM_CRC32C = 4;
const NO_CHECKSUM = new Uint8Array(4);
/** `JBD2_MIN_JOURNAL_BLOCKS`, and `JBD2_DEFAULT_FAST_COMMIT_BLOCKS`. */
const MIN_BLOCKS = 1024;
const FAST_COMMIT_BLOCKS = 256;
const COMPAT_CHECKSUM = 0x1;
const INCOMPAT = {
  revoke: 0x1,
  "64bit": 0x2,
  asyncCommit: 0x4,
  csumV2: 0x8,
  csumV3: 0x10,
  fastCommit: 0x20,
} as const;
const KNOWN_INCOMPAT = Object.values(INCOMPAT).reduce((all, bit) => all | bit, 0);

/** The shape of a log of transactions; places in it are numbers of its blocks. */
export interface JournalSuperblock {
  readonly blockSize: number;
  /** The log goes on at `first` after the block before `end`. */
  readonly first: number;
  readonly end: number;
  /** Where the first transaction is that is not yet in its places, and its number; 0 where all are. */
  readonly start: number;
  readonly sequence: number;
  /** Numbers of blocks in the log have 64 bits. */
  readonly isWide: boolean;
  /** What has checksums: nothing, each whole transaction, or each block of the log. */
  readonly checksum: "none" | "transaction" | "v2" | "v3";
  /** What checksums of blocks begin with. */
  readonly checksumSeed: number;
  /** The first block of fast commits, which are behind the log. */
  readonly fastCommits: number | undefined;
}

/** Reads and verifies the first block of a journal. Throws `disk/damaged`, `disk/unsupported`. */
export function readJournalSuperblock(journal: BlockReader, blockSize: number): JournalSuperblock {
  const bytes = readBytes(journal, 0, SUPERBLOCK.size, "a journal's superblock");
  const raw = SUPERBLOCK.parse(bytes);
  const isV2 = raw.h_blocktype === SUPERBLOCK_V2;
  if (raw.h_magic !== JOURNAL_MAGIC || (!isV2 && raw.h_blocktype !== SUPERBLOCK_V1)) {
    const seen = `magic 0x${raw.h_magic.toString(16)}, type ${raw.h_blocktype}`;
    throw damaged("the journal", seen, "magic 0xc03b3998, type 3 or 4");
  }
  // Version 1 ends before the features.
  const incompat = isV2 ? raw.s_feature_incompat : 0;
  const compat = isV2 ? raw.s_feature_compat : 0;
  const has = (feature: keyof typeof INCOMPAT) => (incompat & INCOMPAT[feature]) !== 0;
  const unknown = (incompat & ~KNOWN_INCOMPAT) >>> 0;
  if (unknown !== 0) throw unsupported("the journal", `features 0x${unknown.toString(16)}`, "none");
  const hasBlockChecksums = has("csumV2") || has("csumV3");
  if (hasBlockChecksums) verifyChecksum(bytes, raw.s_checksum_type, raw.s_checksum);
  const { s_maxlen: length, s_first: first, s_start: start } = raw;
  const fastBlocks = raw.s_num_fc_blks || FAST_COMMIT_BLOCKS;
  const end = has("fastCommit") && length - fastBlocks >= MIN_BLOCKS ? length - fastBlocks : length;
  const isWithin = length * blockSize <= journal.size && first > 0 && first < end;
  if (
    raw.s_blocksize !== blockSize ||
    !isWithin ||
    (start !== 0 && (start < first || start >= end))
  ) {
    const seen = `blocks of ${raw.s_blocksize}, ${first} to ${length}, from ${start} on`;
    throw damaged("the journal", seen, `blocks of ${blockSize} within ${journal.size} bytes`);
  }
  return {
    blockSize,
    first,
    end,
    start,
    sequence: raw.s_sequence,
    isWide: has("64bit"),
    checksum: has("csumV3")
      ? "v3"
      : has("csumV2")
        ? "v2"
        : (compat & COMPAT_CHECKSUM) !== 0
          ? "transaction"
          : "none",
    checksumSeed: crc32c(0xffff_ffff, raw.s_uuid),
    fastCommits: has("fastCommit") ? end + 1 : undefined,
  };
}

function verifyChecksum(bytes: Buffer, type: number, stored: number): void {
  if (type !== CHECKSUM_CRC32C) throw unsupported("the journal", `checksum type ${type}`, "4");
  const before = crc32c(0xffff_ffff, bytes.subarray(0, CHECKSUM_AT));
  const seen = crc32c(crc32c(before, NO_CHECKSUM), bytes.subarray(CHECKSUM_AT + 4));
  if (seen === stored) return;
  throw damaged("the journal", `checksum 0x${seen.toString(16)}`, `0x${stored.toString(16)}`);
}
