import { crc32c } from "../../../crc32c.ts";
import { decodeName } from "../decode-name.ts";
import { damaged } from "./ext4-error.ts";

/** `struct ext4_dir_entry_2` (fs/ext4/ext4.h): inode, rec_len, name_len, file_type, name. */
const HEADER_BYTES = 8;
/** `struct ext4_dir_entry_tail`: an entry that is none, of 12 bytes, with the checksum. */
const TAIL_BYTES = 12;
const TAIL_FILE_TYPE = 0xde;
/** `struct dx_entry`, and where the first is in the root of a hashed directory and below it. */
const DX_ENTRY_BYTES = 8;
const DX_ROOT_COUNT_AT = 0x20;
const DX_NODE_COUNT_AT = 0x08;
/** `rec_len` of a whole block of 64 KiB (ext4_rec_len_from_disk). */
const WHOLE_64_KIB: readonly number[] = [0, 65_535];

/** A name and the number of its inode. */
export interface RawEntry {
  readonly inode: number;
  readonly name: string;
}

/**
 * The names in a block of a directory, without `.` and `..`; an inner block of a hashed directory has none.
 *
 * HOSTILE: an entry must end within the block, and take room.
 */
export function* walkDirectoryBlock(
  block: Buffer,
  what: string,
  hasFileTypes: boolean,
): Generator<RawEntry> {
  for (let at = 0; at + HEADER_BYTES <= block.length; ) {
    const inode = block.readUInt32LE(at);
    const told = block.readUInt16LE(at + 4);
    const isWhole = block.length === 65_536 && WHOLE_64_KIB.includes(told);
    const length = isWhole ? block.length : told;
    // Without file types the length of a name has both bytes (EXT4_FEATURE_INCOMPAT_FILETYPE).
    const nameLength = hasFileTypes ? block.readUInt8(at + 6) : block.readUInt16LE(at + 6);
    const isSound =
      length >= HEADER_BYTES &&
      length % 4 === 0 &&
      at + length <= block.length &&
      nameLength <= length - HEADER_BYTES &&
      nameLength <= 255;
    if (!isSound) {
      const seen = `an entry of ${length} bytes with a name of ${nameLength} at byte ${at}`;
      throw damaged(what, seen, `one that ends before byte ${block.length}`);
    }
    const start = at + HEADER_BYTES;
    const isDot = nameLength === 1 && block[start] === 0x2e;
    const isDotDot = nameLength === 2 && block[start] === 0x2e && block[start + 1] === 0x2e;
    if (inode !== 0 && nameLength > 0 && !isDot && !isDotDot) {
      yield { inode, name: decodeName(block, start, start + nameLength) };
    }
    at += length;
  }
}

/**
 * Verifies the checksum at the end of a block of a directory. Throws `disk/damaged`.
 *
 * @param mayBeIndex it is the first block of a hashed directory, or the name of none fills it all (an inner
 * block): a block that was made an index keeps what looks like the end of one with names.
 */
export function verifyDirectoryBlock(
  block: Buffer,
  { seed, mayBeIndex }: { readonly seed: number; readonly mayBeIndex: boolean },
  what: string,
): void {
  const tail = block.length - TAIL_BYTES;
  const hasTail =
    block.readUInt32LE(tail) === 0 &&
    block.readUInt16LE(tail + 4) === TAIL_BYTES &&
    block.readUInt8(tail + 6) === 0 &&
    block.readUInt8(tail + 7) === TAIL_FILE_TYPE;
  const [seen, stored] =
    hasTail && !mayBeIndex
      ? [crc32c(seed, block.subarray(0, tail)), block.readUInt32LE(tail + 8)]
      : indexChecksums(block, seed, what);
  if (seen === stored) return;
  throw damaged(what, `checksum 0x${seen.toString(16)}`, `0x${stored.toString(16)}`);
}

/** The first entry is of nothing and fills the block: an inner block of a hashed directory. */
export function isInnerBlock(block: Buffer): boolean {
  return block.readUInt32LE(0) === 0 && block.readUInt16LE(4) >= Math.min(block.length, 65_535);
}

/** `struct dx_tail`, behind the room for entries; unused room does not count (ext4_dx_csum). */
function indexChecksums(block: Buffer, seed: number, what: string): readonly [number, number] {
  const at = isInnerBlock(block) ? DX_NODE_COUNT_AT : DX_ROOT_COUNT_AT;
  const limit = block.readUInt16LE(at);
  const count = block.readUInt16LE(at + 2);
  const tail = at + limit * DX_ENTRY_BYTES;
  if (count > limit || tail + DX_ENTRY_BYTES > block.length) {
    throw damaged(what, `an index of ${count} of ${limit} entries`, "one with a checksum");
  }
  const used = block.subarray(0, at + count * DX_ENTRY_BYTES);
  const reserved = block.subarray(tail, tail + 4);
  const crc = crc32c(crc32c(crc32c(seed, used), reserved), new Uint8Array(4));
  return [crc, block.readUInt32LE(tail + 4)];
}
