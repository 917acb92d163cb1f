import { readBytes } from "../../read-bytes.ts";
import { StructTable } from "../../struct-table.ts";
import type { JournalState } from "../file-system.ts";
import type { XfsVolume } from "./xfs-volume.ts";

/** Linux 6.12, fs/xfs/libxfs/xfs_log_format.h, `struct xlog_rec_header`. */
const RECORD = new StructTable("xlog_rec_header", "big", 324, {
  h_magicno: [0, "u32"],
  h_cycle: [4, "u32"],
  h_version: [8, "u32"],
  h_len: [12, "u32"],
  h_num_logops: [40, "u32"],
  h_fs_uuid: [304, 16],
  h_size: [320, "u32"],
});
const RECORD_MAGIC = 0xfeed_babe;
const VERSION_2 = 2;
/** A header has room to tell of so many bytes; each more of them take one more block of header. */
const BYTES_PER_HEADER = 32 * 1024;
/** `XLOG_MAX_RECORD_BSIZE`, and its headers. */
const MAX_RECORD_BYTES = 256 * 1024;
const MAX_RECORD_BLOCKS = MAX_RECORD_BYTES / 512 + MAX_RECORD_BYTES / BYTES_PER_HEADER;
/** `struct xlog_op_header`: where its flags are, and which says that the file system was unmounted. */
const FLAGS_AT = 9;
const UNMOUNT_TRANS = 0x20;
/** All of a log is in blocks of so many bytes, whichever the file system has. */
const BASIC_BLOCK = 512;

/**
 * What became of the log. It is clean where its last record says that the file system was unmounted; what
 * it has otherwise is not replayed.
 *
 * The log is a ring. Each of its blocks begins with the number of the cycle that wrote it, so the head is
 * where that number falls, and is found by halving (xlog_find_head); the last record begins a record's
 * length before it at most. That record must end at the head and hold one operation, the unmount
 * (xlog_check_unmount_rec). A log of zeros was never used. Where records were written out of turn and not
 * all of them, the head that is found has another record before it than an unmount, or none.
 */
export function readLogState(volume: XfsVolume): JournalState {
  const { logStart, logBlocks, blockSize } = volume.superblock;
  if (logStart === undefined) return incomplete("its log is on another device");
  const start = volume.locate(logStart, logBlocks, "the log") * blockSize;
  const length = Math.floor((logBlocks * blockSize) / BASIC_BLOCK);
  if (length === 0) return incomplete("its log has no blocks");
  if (start + length * BASIC_BLOCK > volume.reader.size) return incomplete("its log is cut off");
  const block = (number: number) =>
    readBytes(volume.reader, start + number * BASIC_BLOCK, BASIC_BLOCK, "the log");
  const cycleOf = (number: number): number => {
    const bytes = block(number);
    return bytes.readUInt32BE(bytes.readUInt32BE(0) === RECORD_MAGIC ? 4 : 0);
  };
  const first = cycleOf(0);
  if (first === 0 && cycleOf(length - 1) === 0) return { state: "clean" };
  const head = findHead(length, first, cycleOf);
  for (let back = 1; back <= Math.min(MAX_RECORD_BLOCKS, length); back += 1) {
    const at = (head - back + length) % length;
    const header = RECORD.parse(block(at));
    if (header.h_magicno !== RECORD_MAGIC) continue;
    const headers = headerBlocks(header.h_version, header.h_size);
    const isWhole = headers + Math.ceil(header.h_len / BASIC_BLOCK) === back;
    const isOurs = volume.superblock.metaUuid.equals(header.h_fs_uuid) || isZero(header.h_fs_uuid);
    if (!isWhole || !isOurs) return incomplete("its log ends in a damaged record");
    const flags = block((at + headers) % length)[FLAGS_AT] ?? 0;
    const isUnmount = header.h_num_logops === 1 && (flags & UNMOUNT_TRANS) !== 0;
    return isUnmount ? { state: "clean" } : incomplete("its log is not replayed");
  }
  return incomplete("its log has no record at its end");
}

const incomplete = (reason: string): JournalState => ({
  state: "incomplete",
  transactions: 0,
  reason,
});

/** The first block of another cycle than the first block's; the end of the log where there is none. */
function findHead(length: number, first: number, cycleOf: (number: number) => number): number {
  let low = 1;
  let high = length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (cycleOf(middle) === first) low = middle + 1;
    else high = middle;
  }
  return low;
}

function headerBlocks(version: number, size: number): number {
  const isLong = (version & VERSION_2) !== 0 && size > BYTES_PER_HEADER;
  return isLong ? Math.ceil(Math.min(size, MAX_RECORD_BYTES) / BYTES_PER_HEADER) : 1;
}

const isZero = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0);
