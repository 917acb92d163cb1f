import { crc32c } from "../../../crc32c.ts";
import { StructTable } from "../../struct-table.ts";
import type { FileStat, FileType } from "../file-node.ts";
import { damaged } from "./ext4-error.ts";

/** Linux 6.12, fs/ext4/ext4.h, `struct ext4_inode`: the first 128 bytes. */
const INODE = new StructTable("ext4_inode", "little", 128, {
  i_mode: [0x00, "u16"],
  i_uid: [0x02, "u16"],
  i_size_lo: [0x04, "u32"],
  i_ctime: [0x0c, "u32"],
  i_mtime: [0x10, "u32"],
  i_gid: [0x18, "u16"],
  i_links_count: [0x1a, "u16"],
  i_flags: [0x20, "u32"],
  i_block: [0x28, 60],
  i_generation: [0x64, "u32"],
  i_size_high: [0x6c, "u32"],
  l_i_uid_high: [0x78, "u16"],
  l_i_gid_high: [0x7a, "u16"],
  l_i_checksum_lo: [0x7c, "u16"],
});
/** The fields after them, as far as `i_extra_isize` reaches. */
const EXTRA = { i_checksum_hi: 0x82, i_ctime_extra: 0x84, i_mtime_extra: 0x88 } as const;
const EXTRA_SIZE_AT = 0x80;
const CHECKSUM_LO_AT = 0x7c;
const NO_CHECKSUM = new Uint8Array(2);

/** `EXT4_*_FL`. */
export const InodeFlag = {
  encrypt: 0x800,
  index: 0x1000,
  extents: 0x8_0000,
  inlineData: 0x1000_0000,
} as const;

/** By the upper four bits of `i_mode`. */
const FILE_TYPES: Readonly<Record<number, FileType>> = {
  1: "fifo",
  2: "character-device",
  4: "directory",
  6: "block-device",
  8: "file",
  10: "symlink",
  12: "socket",
};

export interface Ext4Inode {
  readonly stat: FileStat;
  /** Another each time that the number is given to a file. */
  readonly generation: number;
  readonly flags: number;
  /** `i_block`: pointers to blocks, the root of a tree of extents, a link's target or data. */
  readonly block: Uint8Array;
  /** The rest of the inode, where extended attributes are; empty in inodes of 128 bytes. */
  readonly attributes: Uint8Array;
  /** What checksums of its blocks begin with; `undefined` where there are none. */
  readonly checksumSeed: number | undefined;
}

/**
 * Inode number `inode` out of its bytes, checksum verified. Throws `disk/damaged`.
 *
 * @param seed what checksums of the file system's metadata begin with.
 * @param isVerified another checksum said that the bytes are sound.
 */
export function parseExt4Inode(
  bytes: Buffer,
  inode: number,
  seed: number | undefined,
  isVerified = false,
): Ext4Inode {
  const raw = INODE.parse(bytes);
  const extra = bytes.length > INODE.size ? bytes.readUInt16LE(EXTRA_SIZE_AT) : 0;
  const extraEnd = INODE.size + extra;
  if (extraEnd > bytes.length || extra % 4 !== 0) {
    throw damaged(`inode ${inode}`, `i_extra_isize ${extra}`, `at most ${bytes.length - 128}`);
  }
  const type = FILE_TYPES[raw.i_mode >>> 12];
  if (type === undefined) {
    throw damaged(`inode ${inode}`, `i_mode 0o${raw.i_mode.toString(8)}`, "a type of file");
  }
  const checksumSeed = seed === undefined ? undefined : seedOf(seed, inode, raw.i_generation);
  const hasHigh = extraEnd >= EXTRA.i_checksum_hi + 2;
  if (checksumSeed !== undefined && !isVerified) {
    const high = hasHigh ? bytes.readUInt16LE(EXTRA.i_checksum_hi) : 0;
    const stored = raw.l_i_checksum_lo + high * 0x1_0000;
    const whole = checksumOf(bytes, checksumSeed, hasHigh);
    const seen = hasHigh ? whole : whole & 0xffff;
    if (seen !== stored) {
      throw damaged(
        `inode ${inode}`,
        `checksum 0x${seen.toString(16)}`,
        `0x${stored.toString(16)}`,
      );
    }
  }
  // Symbolic links and devices keep to the lower half, which is all they need.
  const isLong = type === "file" || type === "directory";
  const size = raw.i_size_lo + (isLong ? raw.i_size_high * 2 ** 32 : 0);
  if (!Number.isSafeInteger(size)) throw damaged(`inode ${inode}`, `a size of ${size}`, "less");
  const time = (seconds: number, at: number) =>
    toMilliseconds(seconds, at + 4 <= extraEnd ? bytes.readUInt32LE(at) : 0);
  return {
    stat: {
      inode,
      type,
      mode: raw.i_mode & 0o7777,
      uid: raw.i_uid + raw.l_i_uid_high * 0x1_0000,
      gid: raw.i_gid + raw.l_i_gid_high * 0x1_0000,
      size,
      links: raw.i_links_count,
      modifiedMs: time(raw.i_mtime, EXTRA.i_mtime_extra),
      changedMs: time(raw.i_ctime, EXTRA.i_ctime_extra),
      encrypted: (raw.i_flags & InodeFlag.encrypt) !== 0,
    },
    generation: raw.i_generation,
    flags: raw.i_flags,
    block: raw.i_block,
    attributes: bytes.subarray(Math.min(extraEnd, bytes.length)),
    checksumSeed,
  };
}

/** Two bits of `extra` go on above the 32 signed ones, thirty are nanoseconds (fs/ext4/ext4.h). */
function toMilliseconds(seconds: number, extra: number): number {
  return ((seconds | 0) + (extra & 3) * 2 ** 32) * 1000 + (extra >>> 2) / 1e6;
}

function seedOf(seed: number, inode: number, generation: number): number {
  const words = Buffer.alloc(8);
  words.writeUInt32LE(inode, 0);
  words.writeUInt32LE(generation, 4);
  return crc32c(seed, words);
}

/** The checksum's own bytes count as zeros. */
function checksumOf(bytes: Buffer, seed: number, hasHigh: boolean): number {
  let crc = crc32c(seed, bytes.subarray(0, CHECKSUM_LO_AT));
  crc = crc32c(crc, NO_CHECKSUM);
  if (!hasHigh) return crc32c(crc, bytes.subarray(CHECKSUM_LO_AT + 2));
  crc = crc32c(crc, bytes.subarray(CHECKSUM_LO_AT + 2, EXTRA.i_checksum_hi));
  crc = crc32c(crc, NO_CHECKSUM);
  return crc32c(crc, bytes.subarray(EXTRA.i_checksum_hi + 2));
}
