import { diskError } from "../../disk-error.ts";
import { StructTable } from "../../struct-table.ts";
import { damaged, unsupported } from "./btrfs-error.ts";
import type { TreeItem } from "./tree-node.ts";

/** Linux 6.12, include/uapi/linux/btrfs_tree.h, `struct btrfs_file_extent_item`: what all have. */
const EXTENT = new StructTable("btrfs_file_extent_item", "little", 21, {
  ram_bytes: [0x08, "u64"],
  compression: [0x10, "u8"],
  encryption: [0x11, "u8"],
  other_encoding: [0x12, "u16"],
  type: [0x14, "u8"],
});
/** And what those that are not inline have more. */
const PLACE = new StructTable("btrfs_file_extent_item", "little", 53, {
  disk_bytenr: [0x15, "u64"],
  disk_num_bytes: [0x1d, "u64"],
  offset: [0x25, "u64"],
  num_bytes: [0x2d, "u64"],
});
/** `BTRFS_FILE_EXTENT_*`. */
const INLINE = 0;
const REGULAR = 1;
const PREALLOC = 2;
/** By `enum btrfs_compression_type`. */
const COMPRESSIONS = [undefined, "zlib", "lzo", "zstd"] as const;
/** `BTRFS_MAX_COMPRESSED` and `BTRFS_MAX_UNCOMPRESSED` (fs/btrfs/compression.h). */
const MAX_COMPRESSED = 128 * 1024;

export type Compression = "zlib" | "lzo" | "zstd";

/** A run of a file's bytes, from byte `start` of it on, `length` of them. */
export type FileExtent = { readonly start: number; readonly length: number } & (
  | { readonly kind: "zeros" }
  | { readonly kind: "inline"; readonly data: Buffer }
  /** At logical address `logical`. */
  | { readonly kind: "plain"; readonly logical: number }
  | { readonly kind: "compressed"; readonly packed: PackedData; readonly skipped: number }
);

/** Compressed data: `storedBytes` at logical address `logical`, or here. */
export interface PackedData {
  readonly compression: Compression;
  readonly where:
    | { readonly logical: number; readonly storedBytes: number }
    | { readonly inline: Buffer };
  /** What they make, in bytes; at most 128 KiB. */
  readonly expandedBytes: number;
}

/** A run of a file out of its item. Throws `disk/damaged`, `disk/unsupported`, `disk/encrypted`. */
export function parseFileExtent(item: TreeItem, sectorSize: number, what: string): FileExtent {
  const { data, key } = item;
  if (data.length < EXTENT.size) throw damaged(what, `an extent of ${data.length} bytes`, "21");
  const raw = EXTENT.parse(data);
  if (raw.encryption !== 0)
    throw diskError("disk/encrypted", `read ${what}`, { seen: "it is", needed: "it in clear" });
  const compression = COMPRESSIONS[raw.compression];
  if (raw.compression >= COMPRESSIONS.length || raw.other_encoding !== 0)
    throw unsupported(what, `compression ${raw.compression}`, "0 to 3");
  const expandedBytes = Number(raw.ram_bytes);
  const start = key.offset;
  const isSound =
    Number.isSafeInteger(start + expandedBytes) &&
    start >= 0 &&
    (compression === undefined || expandedBytes <= MAX_COMPRESSED);
  if (!isSound) throw damaged(what, `an extent of ${raw.ram_bytes} at ${start}`, "fewer bytes");
  if (raw.type === INLINE) {
    const inline = data.subarray(EXTENT.size);
    const run = { start, length: expandedBytes } as const;
    if (compression === undefined) return { ...run, kind: "inline", data: inline };
    const packed = { compression, where: { inline }, expandedBytes };
    return { ...run, kind: "compressed", packed, skipped: 0 };
  }
  if (raw.type !== REGULAR && raw.type !== PREALLOC)
    throw damaged(what, `an extent of type ${raw.type}`, "0 to 2");
  return placeExtent(item, expandedBytes, compression, raw.type === PREALLOC, sectorSize, what);
}

function placeExtent(
  { data, key }: TreeItem,
  expandedBytes: number,
  compression: Compression | undefined,
  isUnwritten: boolean,
  sectorSize: number,
  what: string,
): FileExtent {
  if (data.length < PLACE.size) throw damaged(what, `an extent of ${data.length} bytes`, "53");
  const raw = PLACE.parse(data);
  const logical = Number(raw.disk_bytenr);
  const storedBytes = Number(raw.disk_num_bytes);
  const skipped = Number(raw.offset);
  const length = Number(raw.num_bytes);
  // Some kernels told wrong of the other number where nothing is compressed.
  const wholeBytes = compression === undefined ? storedBytes : expandedBytes;
  const numbers = [key.offset, logical, storedBytes, skipped, length, logical + skipped + length];
  const isSound =
    numbers.every((number) => Number.isSafeInteger(number) && number % sectorSize === 0) &&
    Number.isSafeInteger(key.offset + length) &&
    length > 0 &&
    (compression === undefined || storedBytes <= MAX_COMPRESSED) &&
    (logical === 0 || skipped + length <= wholeBytes);
  if (!isSound) {
    const seen = `an extent of ${length} bytes at ${logical} + ${skipped} of ${wholeBytes}`;
    throw damaged(what, seen, "sectors of it");
  }
  const run = { start: key.offset, length } as const;
  if (logical === 0 || isUnwritten) return { ...run, kind: "zeros" };
  if (compression === undefined) return { ...run, kind: "plain", logical: logical + skipped };
  const packed = { compression, where: { logical, storedBytes }, expandedBytes };
  return { ...run, kind: "compressed", packed, skipped };
}
