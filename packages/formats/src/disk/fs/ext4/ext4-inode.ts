import { crc32cOfWords } from "../../../crc32c.ts";
import { StructTable } from "../../struct-table.ts";
import type { FileStat, FileType } from "../file-node.ts";
import { damaged } from "./ext4-error.ts";

const BLOCK_BYTES = 60;
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
  i_block: [0x28, BLOCK_BYTES],
  i_generation: [0x64, "u32"],
  i_size_high: [0x6c, "u32"],
  l_i_uid_high: [0x78, "u16"],
  l_i_gid_high: [0x7a, "u16"],
  l_i_checksum_lo: [0x7c, "u16"],
});
/** The fields after them, as far as `i_extra_isize` reaches. */
const EXTRA = { i_checksum_hi: 0x82, i_ctime_extra: 0x84, i_mtime_extra: 0x88 } as const;
const EXTRA_SIZE_AT = 0x80;
const CHECKSUM_BYTES = 2;

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

/** What an inode says; of most files, what it has more is passed by. */
export class Ext4Inode {
  readonly stat: FileStat;
  /** Another each time that the number is given to a file. */
  readonly generation: number;
  readonly flags: number;
  /** What checksums of its blocks begin with; `undefined` where there are none. */
  readonly checksumSeed: number | undefined;
  readonly #place: InodePlace;
  readonly #extraEnd: number;

  constructor(
    { stat, generation, flags, checksumSeed }: Omit<Ext4Inode, "block" | "attributes">,
    place: InodePlace,
    extraEnd: number,
  ) {
    this.stat = stat;
    this.generation = generation;
    this.flags = flags;
    this.checksumSeed = checksumSeed;
    this.#place = place;
    this.#extraEnd = extraEnd;
  }

  /** `i_block`: pointers to blocks, the root of a tree of extents, a link's target or data. */
  get block(): Buffer {
    const { bytes, start } = this.#place;
    const at = start + INODE.at.i_block;
    return bytes.subarray(at, at + BLOCK_BYTES);
  }

  /** The rest of the inode, where extended attributes are; empty in inodes of 128 bytes. */
  get attributes(): Buffer {
    const { bytes, start, size } = this.#place;
    return bytes.subarray(start + this.#extraEnd, start + size);
  }
}

/** The `size` bytes of an inode, from byte `start` on. */
export interface InodePlace {
  readonly bytes: Buffer;
  readonly start: number;
  readonly size: number;
}

/**
 * Inode number `inode` out of its bytes, checksum verified. Throws `disk/damaged`.
 *
 * @param seed what checksums of the file system's metadata begin with.
 * @param isVerified another checksum said that the bytes are sound.
 */
export function parseExt4Inode(
  place: InodePlace,
  inode: number,
  seed: number | undefined,
  isVerified = false,
): Ext4Inode {
  const { at } = INODE;
  const view = takeInode(place);
  const extra = place.size > INODE.size ? view.getUint16(EXTRA_SIZE_AT, true) : 0;
  const extraEnd = INODE.size + extra;
  if (extraEnd > place.size || extra % 4 !== 0) {
    throw damaged(`inode ${inode}`, `i_extra_isize ${extra}`, `at most ${place.size - 128}`);
  }
  const mode = view.getUint16(at.i_mode, true);
  const type = FILE_TYPES[mode >>> 12];
  if (type === undefined) {
    throw damaged(`inode ${inode}`, `i_mode 0o${mode.toString(8)}`, "a type of file");
  }
  const generation = view.getUint32(at.i_generation, true);
  const checksumSeed = seed === undefined ? undefined : seedOf(seed, inode, generation);
  if (checksumSeed !== undefined && !isVerified) {
    const hasHigh = extraEnd >= EXTRA.i_checksum_hi + CHECKSUM_BYTES;
    const high = hasHigh ? view.getUint16(EXTRA.i_checksum_hi, true) : 0;
    const stored = view.getUint16(at.l_i_checksum_lo, true) + high * 0x1_0000;
    const whole = checksumOf(checksumSeed, hasHigh);
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
  const size =
    view.getUint32(at.i_size_lo, true) +
    (isLong ? view.getUint32(at.i_size_high, true) * 2 ** 32 : 0);
  if (!Number.isSafeInteger(size)) throw damaged(`inode ${inode}`, `a size of ${size}`, "less");
  const flags = view.getUint32(at.i_flags, true);
  const stat = {
    inode,
    type,
    mode: mode & 0o7777,
    uid: view.getUint16(at.i_uid, true) + view.getUint16(at.l_i_uid_high, true) * 0x1_0000,
    gid: view.getUint16(at.i_gid, true) + view.getUint16(at.l_i_gid_high, true) * 0x1_0000,
    size,
    links: view.getUint16(at.i_links_count, true),
    modifiedMs: readTime(view, at.i_mtime, EXTRA.i_mtime_extra, extraEnd),
    changedMs: readTime(view, at.i_ctime, EXTRA.i_ctime_extra, extraEnd),
    encrypted: (flags & InodeFlag.encrypt) !== 0,
  };
  return new Ext4Inode({ stat, generation, flags, checksumSeed }, place, extraEnd);
}

/** @param extraAt where the rest of it is, in inodes that go on before `end` */
function readTime(view: DataView, at: number, extraAt: number, end: number): number {
  const extra = extraAt + 4 <= end ? view.getUint32(extraAt, true) : 0;
  return toMilliseconds(view.getUint32(at, true), extra);
}

/** Two bits of `extra` go on above the 32 signed ones, thirty are nanoseconds (fs/ext4/ext4.h). */
function toMilliseconds(seconds: number, extra: number): number {
  return ((seconds | 0) + (extra & 3) * 2 ** 32) * 1000 + (extra >>> 2) / 1e6;
}

/** For all inodes, one after the other: to make views of each took longer than to parse it. */
const seeds = makeScratch(8);
let scratch = makeScratch(256);

function makeScratch(size: number) {
  const bytes = new Uint8Array(size);
  return { bytes, view: new DataView(bytes.buffer), words: new Int32Array(bytes.buffer) };
}

/** The bytes of an inode, until the next one is taken. */
function takeInode({ bytes, start, size }: InodePlace): DataView {
  if (scratch.bytes.length !== size) scratch = makeScratch(size);
  bytes.copy(scratch.bytes, 0, start, start + size);
  return scratch.view;
}

function seedOf(seed: number, inode: number, generation: number): number {
  seeds.view.setUint32(0, inode, true);
  seeds.view.setUint32(4, generation, true);
  return crc32cOfWords(seed, seeds.words);
}

/** Of the inode that was taken; its checksum's own bytes count as zeros. */
function checksumOf(seed: number, hasHigh: boolean): number {
  const { view, words } = scratch;
  const low = INODE.at.l_i_checksum_lo;
  const high = EXTRA.i_checksum_hi;
  view.setUint16(low, 0);
  if (hasHigh) view.setUint16(high, 0);
  return crc32cOfWords(seed, words);
}
