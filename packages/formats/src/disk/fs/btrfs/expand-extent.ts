import { constants, inflateSync, zstdDecompressSync } from "node:zlib";
import { expandLzo1x } from "../../../compression/lzo1x.ts";
import { zstdFrameLength } from "../../../compression/zstd-frame.ts";
import type { Compression } from "./file-extent.ts";

/** `ZSTD_BTRFS_MAX_WINDOWLOG` (Linux 6.12, fs/btrfs/zstd.c). */
const ZSTD_WINDOW_LOG_MAX = 17;
/** `LZO_LEN` (fs/btrfs/lzo.c): lengths of the whole and of each segment. */
const LZO_LENGTH_BYTES = 4;

/**
 * Expands a compressed extent to `length` bytes; returns why it cannot, as words for an error. What was
 * compressed may end before, and the rest is zeros as behind the end of a file, or at the end of the sector.
 *
 * HOSTILE: whoever made the image. No more than the sectors of `length` bytes are ever made.
 */
export function expandExtent(
  compression: Compression,
  bytes: Buffer,
  length: number,
  sectorSize: number,
): Buffer | string {
  const sectors = Buffer.alloc(Math.max(1, Math.ceil(length / sectorSize)) * sectorSize);
  const expanded = sectors.subarray(0, length);
  try {
    switch (compression) {
      case "zlib":
        inflateSync(bytes, { maxOutputLength: sectors.length }).copy(expanded);
        return expanded;
      case "zstd":
        expandZstd(bytes, sectors.length).copy(expanded);
        return expanded;
      case "lzo":
        return expandSegments(bytes, sectors, sectorSize) ? expanded : "damaged LZO data";
    }
  } catch (error) {
    return `damaged ${compression} data (${error instanceof Error ? error.message : String(error)})`;
  }
}

function expandZstd(bytes: Buffer, maxOutputLength: number): Buffer {
  const length = zstdFrameLength(bytes);
  if (length === undefined) throw new Error("no whole frame");
  return zstdDecompressSync(bytes.subarray(0, length), {
    maxOutputLength,
    params: { [constants.ZSTD_d_windowLogMax]: ZSTD_WINDOW_LOG_MAX },
  });
}

/**
 * Linux 6.12, fs/btrfs/lzo.c: the length of all, then segments that make a sector each; the length of one
 * does not cross a sector's end.
 */
function expandSegments(bytes: Buffer, target: Buffer, sectorSize: number): boolean {
  if (bytes.length < LZO_LENGTH_BYTES) return false;
  const end = bytes.readUInt32LE(0);
  if (end > bytes.length) return false;
  let made = 0;
  for (let at = LZO_LENGTH_BYTES; at < end && made < target.length; ) {
    const left = sectorSize - (at % sectorSize);
    if (left < LZO_LENGTH_BYTES) at += left;
    if (at + LZO_LENGTH_BYTES > end) return false;
    const start = at + LZO_LENGTH_BYTES;
    at = start + bytes.readUInt32LE(at);
    if (at > end) return false;
    const part = target.subarray(made, made + sectorSize);
    const count = expandLzo1x(bytes.subarray(start, at), part);
    if (count === undefined) return false;
    // Only the last one may make less than a sector.
    if (count < part.length && at < end) return false;
    made += count;
  }
  return true;
}
