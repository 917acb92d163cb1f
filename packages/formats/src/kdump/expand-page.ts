import { inflateSync, zstdDecompressSync } from "node:zlib";
import { expandLzo1x } from "../compression/lzo1x.ts";
import { expandSnappy } from "./snappy.ts";

/** `page_desc.flags` (makedumpfile 1.7.2, diskdump_mod.h). */
const DUMP_DH_COMPRESSED_ZLIB = 0x1;
const DUMP_DH_COMPRESSED_LZO = 0x2;
const DUMP_DH_COMPRESSED_SNAPPY = 0x4;
const DUMP_DH_COMPRESSED_ZSTD = 0x20;
const ALL =
  DUMP_DH_COMPRESSED_ZLIB |
  DUMP_DH_COMPRESSED_LZO |
  DUMP_DH_COMPRESSED_SNAPPY |
  DUMP_DH_COMPRESSED_ZSTD;

/**
 * Expands a page of a kdump-compressed dump into `target`, which is one page long; returns why it
 * cannot, as words for an error.
 *
 * HOSTILE: whoever made the file. No more than one page is ever made.
 */
export function expandPage(
  flags: number,
  bytes: Uint8Array,
  target: Uint8Array,
): string | undefined {
  switch (flags & ALL) {
    case 0:
      if (bytes.length !== target.length) return `${bytes.length} bytes that are not compressed`;
      target.set(bytes);
      return undefined;
    case DUMP_DH_COMPRESSED_ZLIB:
      return expandByNode("zlib", inflateSync, bytes, target);
    case DUMP_DH_COMPRESSED_ZSTD:
      return expandByNode("zstd", zstdDecompressSync, bytes, target);
    case DUMP_DH_COMPRESSED_LZO:
      return expandLzo1x(bytes, target) === target.length ? undefined : "damaged LZO data";
    case DUMP_DH_COMPRESSED_SNAPPY:
      return expandSnappy(bytes, target) === target.length ? undefined : "damaged Snappy data";
    default:
      return `compression flags 0x${flags.toString(16)}`;
  }
}

function expandByNode(
  name: string,
  expand: (bytes: Uint8Array, options: { readonly maxOutputLength: number }) => Uint8Array,
  bytes: Uint8Array,
  target: Uint8Array,
): string | undefined {
  let page: Uint8Array;
  try {
    page = expand(bytes, { maxOutputLength: target.length });
  } catch (error) {
    return `damaged ${name} data (${error instanceof Error ? error.message : String(error)})`;
  }
  if (page.length !== target.length) return `${name} data of ${page.length} bytes`;
  target.set(page);
  return undefined;
}
