import { constants, inflateSync, zstdDecompressSync } from "node:zlib";
import { expandLz4Block } from "../../../compression/lz4.ts";
import { expandLzo1x } from "../../../compression/lzo1x.ts";
import { expandXz } from "../../../compression/xz.ts";
import { zstdFrameLength } from "../../../compression/zstd-frame.ts";
import type { SquashfsCompression } from "./squashfs-superblock.ts";

/** Blocks have 1 MiB at most, and a window that is larger serves nobody; zstd's own least for 22 levels. */
const ZSTD_WINDOW_LOG_MAX = 27;

/**
 * Expands a block to at most `most` bytes; `undefined` where it is damaged or would be more.
 *
 * HOSTILE: whoever made the image. No more than `most` bytes are ever made.
 */
export function expandBlock(
  compression: SquashfsCompression,
  bytes: Buffer,
  most: number,
): Buffer | undefined {
  switch (compression) {
    case "gzip":
      return attempt(() => inflateSync(bytes, { maxOutputLength: most }));
    case "zstd":
      return attempt(() => expandZstd(bytes, most));
    case "xz":
      return expandInto(expandXz, bytes, most);
    case "lz4":
      return expandInto(expandLz4Block, bytes, most);
    case "lzo":
      return expandInto(expandLzo1x, bytes, most);
  }
}

/** What zlib throws says no more than that the block is damaged. */
function attempt(expand: () => Buffer | undefined): Buffer | undefined {
  try {
    return expand();
  } catch {
    return undefined;
  }
}

function expandZstd(bytes: Buffer, most: number): Buffer | undefined {
  const length = zstdFrameLength(bytes);
  if (length === undefined) return undefined;
  return zstdDecompressSync(bytes.subarray(0, length), {
    maxOutputLength: most,
    params: { [constants.ZSTD_d_windowLogMax]: ZSTD_WINDOW_LOG_MAX },
  });
}

function expandInto(
  expand: (bytes: Uint8Array, target: Uint8Array) => number | undefined,
  bytes: Buffer,
  most: number,
): Buffer | undefined {
  const target = Buffer.allocUnsafeSlow(most);
  const count = expand(bytes, target);
  return count === undefined ? undefined : target.subarray(0, count);
}
