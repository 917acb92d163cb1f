import { constants, gunzipSync, zstdDecompressSync } from "node:zlib";
import { formatBytes, MiB } from "@casemate/core";
import { expandLz4Legacy } from "../compression/lz4.ts";
import { expandXz } from "../compression/xz.ts";
import { zstdFrameLength } from "../compression/zstd-frame.ts";
import type { BzImage } from "./bz-image.ts";
import { unreadable } from "./kernel-image-error.ts";

/** Debian's largest are 62 MiB. */
const MAX_EXPANDED = 192 * MiB;
/** The kernel is built with `zstd --ultra -22`: 128 MiB. */
const ZSTD_WINDOW_LOG_MAX = 27;

type Expand = (payload: Buffer, size: number) => Buffer | undefined;

/** How each way begins that the kernel's build knows (scripts/Makefile.lib) and Debian uses. */
const METHODS: readonly (readonly [name: string, magic: readonly number[], expand: Expand])[] = [
  ["gzip", [0x1f, 0x8b], (payload, size) => gunzipSync(payload, { maxOutputLength: size })],
  ["xz", [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0], (payload, size) => expandInto(expandXz, payload, size)],
  ["zstd", [0x28, 0xb5, 0x2f, 0xfd], expandZstd],
  ["lz4", [0x02, 0x21, 0x4c, 0x18], (payload, size) => expandInto(expandLz4Legacy, payload, size)],
];

/**
 * The kernel in a bzImage as an ELF file. Takes the memory of it and what its compression needs, up to
 * 128 MiB more. HOSTILE: never more than the image itself says, which is bounded. Throws `disk/unsupported`.
 */
export function expandPayload({ payload, expandedSize }: BzImage): Buffer {
  if (expandedSize > MAX_EXPANDED) {
    throw unreadable(`${formatBytes(expandedSize)}`, `at most ${formatBytes(MAX_EXPANDED)}`);
  }
  for (const [name, magic, expand] of METHODS) {
    if (!magic.every((byte, at) => payload[at] === byte)) continue;
    let expanded: Buffer | undefined;
    try {
      expanded = expand(payload, expandedSize);
    } catch (error) {
      const words = error instanceof Error ? error.message : String(error);
      throw unreadable(`damaged ${name} data (${words})`, "sound ones");
    }
    if (expanded?.length === expandedSize) return expanded;
    throw unreadable(`damaged ${name} data`, `${expandedSize} bytes of them`);
  }
  const seen = payload.subarray(0, 4).toString("hex");
  throw unreadable(`a payload that begins with ${seen}`, METHODS.map(([name]) => name).join(", "));
}

function expandInto(
  expand: (bytes: Uint8Array, target: Uint8Array) => number | undefined,
  payload: Buffer,
  size: number,
): Buffer | undefined {
  const target = Buffer.allocUnsafeSlow(size);
  return expand(payload, target) === size ? target : undefined;
}

function expandZstd(payload: Buffer, size: number): Buffer | undefined {
  const length = zstdFrameLength(payload);
  if (length === undefined) return undefined;
  return zstdDecompressSync(payload.subarray(0, length), {
    maxOutputLength: size,
    params: { [constants.ZSTD_d_windowLogMax]: ZSTD_WINDOW_LOG_MAX },
  });
}
