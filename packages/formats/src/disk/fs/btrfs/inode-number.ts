import { unsupported } from "./btrfs-error.ts";
import type { Subvolume } from "./subvolumes.ts";

/** `BTRFS_FIRST_FREE_OBJECTID`. */
const FIRST_FREE = 256;
/** Of each subvolume so many numbers are for its inodes, and so many for subvolumes that it has no more. */
const NUMBERS = 2 ** 35;

/**
 * The number of an inode in `FileStat`, where it is of one file: each subvolume counts its inodes from 256
 * on. In the subvolume that is the root it is the inode's own. Throws `disk/unsupported` from 2^35 on.
 */
export function inodeNumber({ id, ordinal }: Subvolume, objectid: number): number {
  if (objectid >= FIRST_FREE && objectid < NUMBERS) return ordinal * 2 * NUMBERS + objectid;
  throw unsupported(`subvolume ${id}`, `inode ${objectid}`, `${FIRST_FREE} to ${NUMBERS - 1}`);
}

/** The number of the empty directory in `parent` where subvolume `id` is not. */
export function absentNumber(parent: Subvolume, id: number): number {
  return inodeNumber(parent, id) + NUMBERS;
}
