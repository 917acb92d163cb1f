import { readBytes } from "../../read-bytes.ts";
import { MappedFile } from "../mapped-file.ts";
import { type RawEntry, walkDataEntries } from "./directory-entries.ts";
import { extentMap } from "./extent-map.ts";
import { damaged } from "./xfs-error.ts";
import type { XfsInode } from "./xfs-inode.ts";
import type { XfsVolume } from "./xfs-volume.ts";

/** `XFS_DIR2_LEAF_OFFSET`: names are before it, their index by hash is from here on. */
const LEAF_OFFSET = 32 * 1024 ** 3;
/** Ten million names take 400 MB. */
const MAX_DIRECTORY_BYTES = 1024 * 1024 * 1024;

/** `XFS_DIR2_BLOCK_MAGIC` and its kin, and `struct xfs_dir2_data_hdr`, `struct xfs_dir3_data_hdr`. */
const SHAPE_V4 = { block: 0x5844_3242, data: 0x5844_3244, headerBytes: 16 } as const; // "XD2B", "XD2D"
const SHAPE_V5 = { block: 0x5844_4233, data: 0x5844_4433, headerBytes: 64 } as const; // "XDB3", "XDD3"
const SELF = { checksum: 4, blkno: 8, uuid: 24, owner: 40 } as const;

/** `struct xfs_dir2_block_tail` at the end of a block that has its own index before that. */
const TAIL_BYTES = 8;
const INDEX_ENTRY_BYTES = 8;

/**
 * The names in a directory that has blocks of its own, whichever form it has: in all of them names are in
 * data blocks, in order. The index by hash is not looked at: names that it does not have would be hidden.
 *
 * HOSTILE: a directory ends after 1 GiB; its holes take no time.
 */
export function* walkDirectory(volume: XfsVolume, inode: XfsInode): Generator<RawEntry> {
  const { blockSize, directoryBlockSize } = volume.superblock;
  const what = `directory ${inode.stat.inode}`;
  const findRun = extentMap(volume, inode);
  const data = new MappedFile(volume.reader, { size: LEAF_OFFSET, blockSize }, findRun, what);
  const perBlock = directoryBlockSize / blockSize;
  let seen = 0;
  for (let logical = 0; logical < LEAF_OFFSET / blockSize; ) {
    const { physical, count } = findRun(logical);
    if (physical === undefined) {
      logical += count;
      continue;
    }
    seen += directoryBlockSize;
    if (logical % perBlock !== 0 || seen > MAX_DIRECTORY_BYTES) {
      throw damaged(what, `block ${logical} after ${seen} bytes`, "whole blocks, at most 1 GiB");
    }
    const bytes = readBytes(data, logical * blockSize, directoryBlockSize, what);
    yield* walkBlock(volume, inode, bytes, { logical, physical }, what);
    logical += perBlock;
  }
}

function* walkBlock(
  volume: XfsVolume,
  { stat }: XfsInode,
  bytes: Buffer,
  { logical, physical }: { readonly logical: number; readonly physical: number },
  what: string,
): Generator<RawEntry> {
  const { isV5, hasFileTypes } = volume.superblock;
  const shape = isV5 ? SHAPE_V5 : SHAPE_V4;
  const magic = bytes.readUInt32BE(0);
  const hasIndex = magic === shape.block && logical === 0;
  if (!hasIndex && magic !== shape.data) {
    throw damaged(what, `magic 0x${magic.toString(16)}`, `0x${shape.data.toString(16)}`);
  }
  if (isV5) volume.verifySelf(bytes, SELF, { block: physical, owner: stat.inode }, what);
  const end = hasIndex ? beforeIndex(bytes, shape.headerBytes, what) : bytes.length;
  yield* walkDataEntries(bytes.subarray(0, end), shape.headerBytes, hasFileTypes, what);
}

function beforeIndex(bytes: Buffer, headerBytes: number, what: string): number {
  const count = bytes.readUInt32BE(bytes.length - TAIL_BYTES);
  const end = bytes.length - TAIL_BYTES - count * INDEX_ENTRY_BYTES;
  if (end >= headerBytes) return end;
  throw damaged(what, `an index of ${count} names`, `one within ${bytes.length} bytes`);
}
