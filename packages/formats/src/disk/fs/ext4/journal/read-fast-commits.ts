import { crc32c } from "../../../../crc32c.ts";
import type { BlockReader } from "../../../block-reader.ts";
import { readBytes } from "../../../read-bytes.ts";
import { decodeName } from "../../decode-name.ts";
import type { JournalSuperblock } from "./journal-superblock.ts";

/** Linux 6.12, fs/ext4/fast_commit.h: `EXT4_FC_TAG_*`; each has its length after it, little-endian. */
const Tag = {
  addRange: 1,
  deleteRange: 2,
  create: 3,
  link: 4,
  unlink: 5,
  inode: 6,
  pad: 7,
  tail: 8,
  head: 9,
} as const;
const TAG_BYTES = 4;
/** Of each kind at least: with a name of one byte, with an inode of 128. */
const LEAST_BYTES = [0, 16, 12, 9, 9, 9, 132, 0, 8, 8] as const;
/** `EXT_INIT_MAX_LEN`: a longer extent was allocated and never written. */
const MAX_WRITTEN = 32_768;
/** A fast commit has a few, and the area for them 256 blocks. */
const MAX_CHANGES = 65_536;

/** What a fast commit says of a file or a name. */
export type FastChange =
  | { readonly kind: "inode"; readonly inode: number; readonly raw: Buffer }
  | {
      readonly kind: "range";
      readonly inode: number;
      readonly first: number;
      readonly count: number;
      /** Where the blocks are; `undefined` for a hole. */
      readonly physical: number | undefined;
    }
  | {
      readonly kind: "create" | "link" | "unlink";
      readonly parent: number;
      readonly inode: number;
      readonly name: string;
    };

/** What was changed after the last transaction, and why not all of it can be known. */
export interface FastCommits {
  readonly commits: number;
  readonly changes: readonly FastChange[];
  readonly problem: string | undefined;
}

/**
 * The fast commits that follow transaction number `sequence` - 1 (Linux 6.12, `ext4_fc_replay_scan`): those
 * that end with a checksum that is right.
 */
export function readFastCommits(
  journal: BlockReader,
  { fastCommits, blockSize }: JournalSuperblock,
  sequence: number,
): FastCommits {
  const done: FastChange[] = [];
  let pending: FastChange[] = [];
  let commits = 0;
  let crc = 0;
  const end = (problem?: string): FastCommits => ({ commits, changes: done, problem });
  if (fastCommits === undefined) return end();
  for (let at = fastCommits; (at + 1) * blockSize <= journal.size; at += 1) {
    const block = readBytes(journal, at * blockSize, blockSize, "a fast commit");
    for (let place = 0; place + TAG_BYTES <= blockSize; ) {
      const tag = block.readUInt16LE(place);
      const length = block.readUInt16LE(place + 2);
      const value = block.subarray(place + TAG_BYTES, place + TAG_BYTES + length);
      const isFirst = at === fastCommits && place === 0;
      if (isFirst && (tag !== Tag.head || value.length < 8 || value.readUInt32LE(4) !== sequence))
        return end();
      const least = LEAST_BYTES[tag];
      if (least === undefined || tag === 0 || value.length < Math.max(least, length)) return end();
      if (tag === Tag.head && value.readUInt32LE(0) !== 0)
        return end("fast commits of a later kind");
      if (tag === Tag.head && value.readUInt32LE(4) !== sequence) return end();
      if (tag === Tag.tail) {
        crc = crc32c(crc, block.subarray(place, place + TAG_BYTES + 4));
        const isSound = value.readUInt32LE(0) === sequence && value.readUInt32LE(4) === crc;
        if (!isSound) return end(commits === 0 ? "a damaged fast commit" : undefined);
        for (const change of pending) done.push(change);
        pending = [];
        commits += 1;
        crc = 0;
      } else {
        crc = crc32c(crc, block.subarray(place, place + TAG_BYTES + length));
        const change = parseChange(tag, value);
        if (change !== undefined) pending.push(change);
        if (done.length + pending.length > MAX_CHANGES) return end("too many fast commits");
      }
      place += TAG_BYTES + length;
    }
  }
  return end();
}

function parseChange(tag: number, value: Buffer): FastChange | undefined {
  switch (tag) {
    case Tag.addRange: {
      const length = value.readUInt16LE(8);
      const isWritten = length <= MAX_WRITTEN;
      const start = value.readUInt16LE(10) * 2 ** 32 + value.readUInt32LE(12);
      return {
        kind: "range",
        inode: value.readUInt32LE(0),
        first: value.readUInt32LE(4),
        count: isWritten ? length : length - MAX_WRITTEN,
        physical: isWritten ? start : undefined,
      };
    }
    case Tag.deleteRange:
      return {
        kind: "range",
        inode: value.readUInt32LE(0),
        first: value.readUInt32LE(4),
        count: value.readUInt32LE(8),
        physical: undefined,
      };
    case Tag.create:
    case Tag.link:
    case Tag.unlink:
      return {
        kind: tag === Tag.create ? "create" : tag === Tag.link ? "link" : "unlink",
        parent: value.readUInt32LE(0),
        inode: value.readUInt32LE(4),
        name: decodeName(value.subarray(8)),
      };
    case Tag.inode:
      return { kind: "inode", inode: value.readUInt32LE(0), raw: value.subarray(4) };
    default:
      return undefined;
  }
}
