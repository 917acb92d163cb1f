import { decodeName } from "../decode-name.ts";
import { damaged } from "./xfs-error.ts";

/** A name and the number of its inode. */
export interface RawEntry {
  readonly inode: number;
  readonly name: string;
}

/** `struct xfs_dir2_sf_hdr` (Linux 6.12, fs/xfs/libxfs/xfs_da_format.h): count, i8count, parent. */
const SHORT_HEADER = { count: 0, wideCount: 1, parent: 2 } as const;
/** `struct xfs_dir2_sf_entry` before its name: namelen, offset. */
const SHORT_ENTRY_BYTES = 3;
/** `struct xfs_dir2_data_entry` before its name: inumber, namelen; behind it a tag with its own place. */
const DATA_ENTRY_BYTES = 9;
const TAG_BYTES = 2;
const ALIGNMENT = 8;
/** `XFS_DIR2_DATA_FREE_TAG`, in place of an inode's number, before the length of what is free. */
const FREE_TAG = 0xffff;

/**
 * The names of a directory that is in its inode. Throws `disk/damaged`.
 *
 * HOSTILE: an entry must end within the inode.
 */
export function* walkShortEntries(
  bytes: Buffer,
  hasFileTypes: boolean,
  what: string,
): Generator<RawEntry> {
  const isWide = bytes.length > SHORT_HEADER.parent && bytes[SHORT_HEADER.wideCount] !== 0;
  const inodeBytes = isWide ? 8 : 4;
  const count = bytes[SHORT_HEADER.count] ?? 0;
  let at = SHORT_HEADER.parent + inodeBytes;
  if (at > bytes.length) throw damaged(what, `${bytes.length} bytes`, `${at} for a header`);
  for (let index = 0; index < count; index += 1) {
    const start = at + SHORT_ENTRY_BYTES;
    const nameLength = bytes[at] ?? 0;
    const inodeAt = start + nameLength + (hasFileTypes ? 1 : 0);
    if (nameLength === 0 || inodeAt + inodeBytes > bytes.length) {
      const seen = `a name of ${nameLength} bytes at byte ${at}`;
      throw damaged(what, seen, `one that ends before byte ${bytes.length}`);
    }
    const inode = isWide ? readInode(bytes, inodeAt) : bytes.readUInt32BE(inodeAt);
    yield { inode, name: decodeName(bytes, start, start + nameLength) };
    at = inodeAt + inodeBytes;
  }
}

/**
 * The names in a data block of a directory, from byte `start` to its end, without `.` and `..`. Throws
 * `disk/damaged`.
 *
 * HOSTILE: an entry, and what is free, must end within the block and take room.
 */
export function* walkDataEntries(
  bytes: Buffer,
  start: number,
  hasFileTypes: boolean,
  what: string,
): Generator<RawEntry> {
  for (let at = start; at < bytes.length; ) {
    const isFree = at + ALIGNMENT <= bytes.length && bytes.readUInt16BE(at) === FREE_TAG;
    const nameLength = isFree ? 0 : (bytes[at + ALIGNMENT] ?? 0);
    const used = DATA_ENTRY_BYTES + nameLength + (hasFileTypes ? 1 : 0) + TAG_BYTES;
    const length = isFree
      ? bytes.readUInt16BE(at + TAG_BYTES)
      : Math.ceil(used / ALIGNMENT) * ALIGNMENT;
    const isSound =
      length >= ALIGNMENT &&
      length % ALIGNMENT === 0 &&
      at + length <= bytes.length &&
      bytes.readUInt16BE(at + length - TAG_BYTES) === at &&
      (isFree || nameLength > 0);
    if (!isSound) {
      const seen = `an entry of ${length} bytes with a name of ${nameLength} at byte ${at}`;
      throw damaged(what, seen, `one that ends before byte ${bytes.length}`);
    }
    if (!isFree) {
      const nameAt = at + DATA_ENTRY_BYTES;
      const name = decodeName(bytes, nameAt, nameAt + nameLength);
      if (name !== "." && name !== "..") yield { inode: readInode(bytes, at), name };
    }
    at += length;
  }
}

/** Above 2^53 none is, which the volume tells of. */
const readInode = (bytes: Buffer, at: number): number =>
  bytes.readUInt32BE(at) * 2 ** 32 + bytes.readUInt32BE(at + 4);
