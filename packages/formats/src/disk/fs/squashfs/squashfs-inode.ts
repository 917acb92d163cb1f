import { StructTable } from "../../struct-table.ts";
import type { FileType } from "../file-node.ts";
import type { MetadataCursor } from "./metadata-cursor.ts";
import { damaged } from "./squashfs-error.ts";

/** Linux 6.12, fs/squashfs/squashfs_fs.h: `squashfs_base_inode`, then what each type has after it. */
const BASE = new StructTable("squashfs_base_inode", "little", 16, {
  inode_type: [0, "u16"],
  mode: [2, "u16"],
  uid: [4, "u16"],
  guid: [6, "u16"],
  mtime: [8, "u32"],
  inode_number: [12, "u32"],
});
const DIRECTORY = new StructTable("squashfs_dir_inode", "little", 16, {
  start_block: [0, "u32"],
  nlink: [4, "u32"],
  file_size: [8, "u16"],
  offset: [10, "u16"],
});
const LONG_DIRECTORY = new StructTable("squashfs_ldir_inode", "little", 24, {
  nlink: [0, "u32"],
  file_size: [4, "u32"],
  start_block: [8, "u32"],
  offset: [18, "u16"],
});
const FILE = new StructTable("squashfs_reg_inode", "little", 16, {
  start_block: [0, "u32"],
  fragment: [4, "u32"],
  offset: [8, "u32"],
  file_size: [12, "u32"],
});
const LONG_FILE = new StructTable("squashfs_lreg_inode", "little", 40, {
  start_block: [0, "u64"],
  file_size: [8, "u64"],
  nlink: [24, "u32"],
  fragment: [28, "u32"],
  offset: [32, "u32"],
});
const SYMLINK = new StructTable("squashfs_symlink_inode", "little", 8, {
  nlink: [0, "u32"],
  symlink_size: [4, "u32"],
});
/** Devices and what has no contents. */
const OTHER = new StructTable("squashfs_ipc_inode", "little", 4, { nlink: [0, "u32"] });

/** `SQUASHFS_*_TYPE`; extended ones are so many more. */
const TYPES = [
  "directory",
  "file",
  "symlink",
  "block-device",
  "character-device",
  "fifo",
  "socket",
] as const satisfies readonly FileType[];
const NO_FRAGMENT = 0xffff_ffff;
const MAX_TARGET = 65_535;

/** Where the names of a directory are: in the block that begins `block` bytes after the table does. */
export interface DirectoryPlace {
  readonly block: number;
  readonly offset: number;
}

/** Where a file's contents are. */
export interface FilePlace {
  /** Its first block; the others follow it. */
  readonly start: number;
  /** Its end, which shares a block with ends of others; `undefined` where it is in its own last block. */
  readonly fragment: { readonly index: number; readonly offset: number } | undefined;
}

/** What an inode says; sizes in bytes. */
export interface SquashfsInode {
  readonly number: number;
  readonly type: FileType;
  readonly mode: number;
  /** Indices into the table of users and groups. */
  readonly uidIndex: number;
  readonly gidIndex: number;
  readonly modifiedSeconds: number;
  readonly links: number;
  readonly size: number;
  readonly directory?: DirectoryPlace;
  readonly file?: FilePlace;
  readonly target?: Buffer;
}

/** Reads an inode; of a file, the cursor is then where the lengths of its blocks are. Throws `disk/damaged`. */
export function takeInode(cursor: MetadataCursor): SquashfsInode {
  const raw = BASE.parse(cursor.take(BASE.size));
  const what = `inode ${raw.inode_number}`;
  const isLong = raw.inode_type > TYPES.length;
  const type = TYPES[raw.inode_type - 1 - (isLong ? TYPES.length : 0)];
  if (type === undefined) throw damaged(what, `type ${raw.inode_type}`, `1 to ${TYPES.length * 2}`);
  const base = {
    number: raw.inode_number,
    type,
    mode: raw.mode & 0o7777,
    uidIndex: raw.uid,
    gidIndex: raw.guid,
    modifiedSeconds: raw.mtime,
  };
  switch (type) {
    case "directory": {
      const table = isLong ? LONG_DIRECTORY : DIRECTORY;
      const { nlink, file_size, start_block, offset } = table.parse(cursor.take(table.size));
      const directory = { block: start_block, offset };
      return { ...base, links: nlink, size: file_size, directory };
    }
    case "file":
      return { ...base, ...(isLong ? takeLongFile(cursor, what) : takeFile(cursor)) };
    case "symlink": {
      const { nlink, symlink_size: size } = SYMLINK.parse(cursor.take(SYMLINK.size));
      if (size > MAX_TARGET) throw damaged(what, `a target of ${size} bytes`, "a path");
      return { ...base, links: nlink, size, target: cursor.take(size) };
    }
    default:
      return { ...base, links: OTHER.parse(cursor.take(OTHER.size)).nlink, size: 0 };
  }
}

function takeFile(cursor: MetadataCursor) {
  const raw = FILE.parse(cursor.take(FILE.size));
  return { links: 1, size: raw.file_size, file: placeOf(raw.start_block, raw) };
}

function takeLongFile(cursor: MetadataCursor, what: string) {
  const raw = LONG_FILE.parse(cursor.take(LONG_FILE.size));
  const size = Number(raw.file_size);
  const start = Number(raw.start_block);
  if (!Number.isSafeInteger(size) || !Number.isSafeInteger(start)) {
    throw damaged(what, `${size} bytes from byte ${start} on`, "less");
  }
  return { links: raw.nlink, size, file: placeOf(start, raw) };
}

function placeOf(
  start: number,
  { fragment, offset }: { fragment: number; offset: number },
): FilePlace {
  return { start, fragment: fragment === NO_FRAGMENT ? undefined : { index: fragment, offset } };
}
