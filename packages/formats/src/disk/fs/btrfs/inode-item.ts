import { StructTable } from "../../struct-table.ts";
import type { FileStat, FileType } from "../file-node.ts";
import { damaged } from "./btrfs-error.ts";
import { readS64 } from "./tree-key.ts";

/** Linux 6.12, include/uapi/linux/btrfs_tree.h, `struct btrfs_inode_item`. */
const INODE_ITEM = new StructTable("btrfs_inode_item", "little", 160, {
  size: [0x10, "u64"],
  nlink: [0x28, "u32"],
  uid: [0x2c, "u32"],
  gid: [0x30, "u32"],
  mode: [0x34, "u32"],
  flags: [0x40, "u64"],
});
/** `struct btrfs_timespec`: seconds, nanoseconds. */
const CTIME_AT = 0x7c;
const MTIME_AT = 0x88;
/** `BTRFS_INODE_NODATASUM`. */
const NO_DATA_SUM = 0x1n;

/** By the upper four bits of `mode`. */
const FILE_TYPES: Readonly<Record<number, FileType>> = {
  1: "fifo",
  2: "character-device",
  4: "directory",
  6: "block-device",
  8: "file",
  10: "symlink",
  12: "socket",
};

export interface BtrfsInode {
  readonly stat: FileStat;
  /** Whether checksums of its data are kept. */
  readonly hasChecksums: boolean;
}

/**
 * An inode out of its item. Throws `disk/damaged`.
 *
 * @param inode its number as `FileStat` has it; @param what names it in errors.
 */
export function parseInodeItem(bytes: Buffer, inode: number, what: string): BtrfsInode {
  if (bytes.length < INODE_ITEM.size)
    throw damaged(what, `an item of ${bytes.length} bytes`, `${INODE_ITEM.size}`);
  const raw = INODE_ITEM.parse(bytes);
  const type = FILE_TYPES[raw.mode >>> 12];
  if (type === undefined) throw damaged(what, `mode 0o${raw.mode.toString(8)}`, "a type of file");
  const size = Number(raw.size);
  if (!Number.isSafeInteger(size)) throw damaged(what, `a size of ${raw.size}`, "less");
  return {
    stat: {
      inode,
      type,
      mode: raw.mode & 0o7777,
      uid: raw.uid,
      gid: raw.gid,
      size,
      links: raw.nlink,
      modifiedMs: toMilliseconds(bytes, MTIME_AT),
      changedMs: toMilliseconds(bytes, CTIME_AT),
      encrypted: false,
    },
    hasChecksums: (raw.flags & NO_DATA_SUM) === 0n,
  };
}

function toMilliseconds(bytes: Buffer, at: number): number {
  return readS64(bytes, at) * 1000 + bytes.readUInt32LE(at + 8) / 1e6;
}
