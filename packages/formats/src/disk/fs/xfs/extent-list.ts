import { damaged } from "./xfs-error.ts";
import type { XfsInode } from "./xfs-inode.ts";
import type { XfsVolume } from "./xfs-volume.ts";

/** `struct xfs_bmbt_rec`: 128 bits for each extent (Linux 6.12, fs/xfs/libxfs/xfs_format.h). */
export const EXTENT_BYTES = 16;

/** Blocks of a file that follow each other on the volume. */
export interface Extent {
  /** In blocks from the start of the file. */
  readonly start: number;
  readonly count: number;
  /** In blocks from the start of the volume. */
  readonly physical: number;
  /** Blocks that were allocated only: zeros. */
  readonly isUnwritten: boolean;
}

/**
 * The extents of a leaf or of an inode, which take all of `bytes`.
 *
 * HOSTILE: each must begin where the one before it ends or later, and lie within the volume. Only files
 * have unwritten ones: Linux reads a directory's as if they were written, so names could hide there.
 */
export function parseExtents(
  volume: XfsVolume,
  { stat }: XfsInode,
  bytes: Buffer,
  what: string,
): readonly Extent[] {
  const extents: Extent[] = [];
  let end = 0;
  for (let at = 0; at < bytes.length; at += EXTENT_BYTES) {
    const extent = parseExtent(volume, bytes, at, what);
    const next = extent.start + extent.count;
    if (extent.start < end || extent.count === 0 || !Number.isSafeInteger(next)) {
      const seen = `${extent.count} blocks from ${extent.start} on after ${end} blocks`;
      throw damaged(what, seen, "extents one after another");
    }
    if (extent.isUnwritten && stat.type !== "file") {
      throw damaged(what, `unwritten blocks of a ${stat.type}`, "written ones");
    }
    end = next;
    extents.push(extent);
  }
  return extents;
}

/** The number of the last of `count` that begins at or before `logical`; -1 where all begin after it. */
export function lastAtOrBefore(
  count: number,
  startOf: (index: number) => number,
  logical: number,
): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (startOf(middle) <= logical) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** From the top: 1 bit unwritten, 54 of the file's block, 52 of the volume's, 21 of the count. */
function parseExtent(volume: XfsVolume, bytes: Buffer, at: number, what: string): Extent {
  const words = [0, 4, 8, 12].map((word) => bytes.readUInt32BE(at + word));
  const [top = 0, upper = 0, lower = 0, bottom = 0] = words;
  const count = bottom & 0x1f_ffff;
  const fsblock = (upper & 0x1ff) * 2 ** 43 + lower * 2 ** 11 + (bottom >>> 21);
  return {
    start: (top & 0x7fff_ffff) * 2 ** 23 + (upper >>> 9),
    count,
    physical: volume.locate(fsblock, count, what),
    isUnwritten: top >>> 31 === 1,
  };
}
