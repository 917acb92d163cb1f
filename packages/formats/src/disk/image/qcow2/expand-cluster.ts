import { constants, inflateRawSync, zstdDecompressSync } from "node:zlib";
import { zstdFrameLength } from "../../../compression/zstd-frame.ts";

/** QEMU deflates with a window of 2^12 bytes (block/qcow2-threads.c, qcow2_zlib_compress). */
const WINDOW_BITS = 12;
/** The largest cluster is 2 MiB; a window beyond it would only cost memory. */
const ZSTD_WINDOW_LOG_MAX = 22;

/**
 * Expands a compressed cluster to `clusterSize` bytes; returns why it cannot, as words for an error.
 *
 * HOSTILE: whoever made the image. `bytes` go on after the data, up to a whole sector, with anything; no
 * more than a cluster is ever made.
 */
export function expandCluster(
  compression: "zlib" | "zstd",
  bytes: Uint8Array,
  clusterSize: number,
): Buffer | string {
  let expanded: Buffer;
  try {
    expanded =
      compression === "zlib"
        ? inflateRawSync(bytes, { windowBits: WINDOW_BITS, maxOutputLength: clusterSize })
        : expandZstd(bytes, clusterSize);
  } catch (error) {
    return `damaged ${compression} data (${error instanceof Error ? error.message : String(error)})`;
  }
  if (expanded.length === clusterSize) return expanded;
  return `${compression} data of ${expanded.length} bytes`;
}

function expandZstd(bytes: Uint8Array, maxOutputLength: number): Buffer {
  const length = zstdFrameLength(bytes);
  if (length === undefined) throw new Error("no whole frame");
  return zstdDecompressSync(bytes.subarray(0, length), {
    maxOutputLength,
    params: { [constants.ZSTD_d_windowLogMax]: ZSTD_WINDOW_LOG_MAX },
  });
}
