import { decodeName } from "../decode-name.ts";
import { damaged } from "./squashfs-error.ts";
import type { SquashfsInode } from "./squashfs-inode.ts";
import type { SquashfsVolume } from "./squashfs-volume.ts";

/** Linux 6.12, fs/squashfs/squashfs_fs.h: `squashfs_dir_header`: count less one, block, inode number. */
const HEADER_BYTES = 12;
/** `squashfs_dir_entry`: place, inode number less the header's, type, length of the name less one. */
const ENTRY_BYTES = 8;
/** `SQUASHFS_DIR_COUNT`, `SQUASHFS_NAME_LEN`. */
const MAX_COUNT = 256;
const MAX_NAME = 256;
/** `.` and `..` count and are not there. */
const DOTS_BYTES = 3;

/** A name in a directory and where its inode is. */
export interface RawEntry {
  readonly name: string;
  readonly block: number;
  readonly offset: number;
}

/** The names in a directory. HOSTILE: it ends where it says, however many entries it tells of. */
export function* walkDirectory(
  volume: SquashfsVolume,
  { number, size, directory = { block: 0, offset: 0 } }: SquashfsInode,
): Generator<RawEntry> {
  const what = `directory ${number}`;
  const cursor = volume.directoryCursor(directory.block, directory.offset);
  let left = size - DOTS_BYTES;
  while (left > 0) {
    const header = cursor.take(HEADER_BYTES);
    left -= HEADER_BYTES;
    const count = header.readUInt32LE(0) + 1;
    const block = header.readUInt32LE(4);
    if (count > MAX_COUNT) throw damaged(what, `${count} names at once`, `${MAX_COUNT} at most`);
    for (let i = 0; i < count; i += 1) {
      const entry = cursor.take(ENTRY_BYTES);
      const nameLength = entry.readUInt16LE(6) + 1;
      left -= ENTRY_BYTES + nameLength;
      if (nameLength > MAX_NAME || left < 0) {
        throw damaged(what, `a name of ${nameLength} bytes`, `${MAX_NAME} at most, within it`);
      }
      const name = decodeName(cursor.take(nameLength));
      if (name === "." || name === "..") throw damaged(what, `the name ${name}`, "none like it");
      yield { name, block, offset: entry.readUInt16LE(0) };
    }
  }
}
