import { StructTable } from "../../struct-table.ts";
import type { FileStat, FileType } from "../file-node.ts";
import { verifyChecksum } from "./xfs-checksum.ts";
import { damaged } from "./xfs-error.ts";
import type { XfsSuperblock } from "./xfs-superblock.ts";

/** Linux 6.12, fs/xfs/libxfs/xfs_format.h, `struct xfs_dinode`: the core of versions 1 and 2. */
const INODE = new StructTable("xfs_dinode", "big", 100, {
  di_magic: [0, "u16"],
  di_mode: [2, "u16"],
  di_version: [4, "u8"],
  di_format: [5, "u8"],
  di_onlink: [6, "u16"],
  di_uid: [8, "u32"],
  di_gid: [12, "u32"],
  di_nlink: [16, "u32"],
  di_big_nextents: [24, "u64"],
  di_mtime: [40, 8],
  di_ctime: [48, 8],
  di_size: [56, "u64"],
  di_nextents: [76, "u32"],
  di_forkoff: [82, "u8"],
  di_flags: [90, "u16"],
});
/** What version 3 has after them. */
const INODE_V3 = new StructTable("xfs_dinode", "big", 176, {
  di_flags2: [120, "u64"],
  di_ino: [152, "u64"],
  di_uuid: [160, 16],
});
const INODE_MAGIC = 0x494e; // "IN"
const CHECKSUM_AT = 100;
/** `di_forkoff` counts so many bytes. */
const FORK_UNIT = 8;

const FLAG_REALTIME = 0x1;
const FLAG2 = { bigTime: 0x8n, nrext64: 0x10n } as const;
/** `XFS_BIGTIME_EPOCH_OFFSET`: what seconds are counted from, before 1970. */
const BIGTIME_EPOCH = 2 ** 31;
const NANOSECONDS = 1_000_000_000n;

/** `enum xfs_dinode_fmt`, in its order. */
const FORMATS = ["device", "local", "extents", "btree"] as const;

/** By the upper four bits of `di_mode`. */
const FILE_TYPES: Readonly<Record<number, FileType>> = {
  1: "fifo",
  2: "character-device",
  4: "directory",
  6: "block-device",
  8: "file",
  10: "symlink",
  12: "socket",
};

export interface XfsInode {
  readonly stat: FileStat;
  /** What the data fork is: contents, extents or the root of a tree of them. */
  readonly format: (typeof FORMATS)[number];
  readonly fork: Buffer;
  /** How many extents there are; it counts where they are in the inode. */
  readonly extentCount: number;
  /** Its contents are on a realtime device. */
  readonly isRealtime: boolean;
}

/** Inode number `inode` out of its bytes, verified. Throws `disk/damaged`. */
export function parseXfsInode(bytes: Buffer, inode: number, superblock: XfsSuperblock): XfsInode {
  const what = `inode ${inode}`;
  const raw = INODE.parse(bytes);
  const needed = superblock.isV5 ? "version 3" : "version 1 or 2";
  const isKnown = superblock.isV5 ? raw.di_version === 3 : [1, 2].includes(raw.di_version);
  if (raw.di_magic !== INODE_MAGIC || !isKnown) {
    const seen = `magic 0x${raw.di_magic.toString(16)}, version ${raw.di_version}`;
    throw damaged(what, seen, `magic 0x${INODE_MAGIC.toString(16)}, ${needed}`);
  }
  const flags2 = superblock.isV5 ? parseV3(bytes, inode, superblock) : 0n;
  const type = FILE_TYPES[raw.di_mode >>> 12];
  if (type === undefined) {
    throw damaged(what, `di_mode 0o${raw.di_mode.toString(8)}`, "a type of file");
  }
  const format = FORMATS[raw.di_format];
  if (format === undefined) throw damaged(what, `di_format ${raw.di_format}`, "0 to 3");
  const size = Number(raw.di_size);
  if (!Number.isSafeInteger(size)) throw damaged(what, `a size of ${size}`, "less");
  const coreSize = superblock.isV5 ? INODE_V3.size : INODE.size;
  const forkEnd = raw.di_forkoff === 0 ? bytes.length : coreSize + raw.di_forkoff * FORK_UNIT;
  if (forkEnd > bytes.length) throw damaged(what, `di_forkoff ${raw.di_forkoff}`, "less");
  const isBigTime = (flags2 & FLAG2.bigTime) !== 0n;
  const isLarge = (flags2 & FLAG2.nrext64) !== 0n;
  return {
    stat: {
      inode,
      type,
      mode: raw.di_mode & 0o7777,
      uid: raw.di_uid,
      gid: raw.di_gid,
      size,
      links: raw.di_version === 1 ? raw.di_onlink : raw.di_nlink,
      modifiedMs: toMilliseconds(raw.di_mtime, isBigTime),
      changedMs: toMilliseconds(raw.di_ctime, isBigTime),
      encrypted: false,
    },
    format,
    fork: bytes.subarray(coreSize, forkEnd),
    extentCount: isLarge ? Number(raw.di_big_nextents) : raw.di_nextents,
    isRealtime: (raw.di_flags & FLAG_REALTIME) !== 0,
  };
}

/** Verifies what an inode of version 3 says of itself; returns `di_flags2`. */
function parseV3(bytes: Buffer, inode: number, { metaUuid }: XfsSuperblock): bigint {
  const what = `inode ${inode}`;
  const raw = INODE_V3.parse(bytes);
  verifyChecksum(bytes, CHECKSUM_AT, what);
  if (raw.di_ino !== BigInt(inode)) throw damaged(what, `inode ${raw.di_ino}`, "its own number");
  if (!metaUuid.equals(raw.di_uuid)) throw damaged(what, "another uuid", "the file system's");
  return raw.di_flags2;
}

/** Signed seconds and nanoseconds, or 64 bits of nanoseconds (xfs_inode_from_disk_ts). */
function toMilliseconds(bytes: Uint8Array, isBigTime: boolean): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (!isBigTime) return view.getInt32(0) * 1000 + view.getUint32(4) / 1e6;
  const time = view.getBigUint64(0);
  const seconds = Number(time / NANOSECONDS) - BIGTIME_EPOCH;
  return seconds * 1000 + Number(time % NANOSECONDS) / 1e6;
}
