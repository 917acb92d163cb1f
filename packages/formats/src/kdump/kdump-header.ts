import { BinaryReader, CasemateError } from "@casemate/core";

/** `struct disk_dump_header` and `struct kdump_sub_header` (makedumpfile 1.7.2, diskdump_mod.h), 64 bits. */
const SIGNATURE = "KDUMP   ";
const HEADER = { version: 8, machine: 272, status: 424 } as const;
const MACHINE_BYTES = 65;
const SUB_HEADER = { split: 12, maxMapnr64: 96 } as const;
/** The header version from which on `max_mapnr_64` counts, for `max_mapnr` has but 32 bits. */
const MAX_MAPNR_64_SINCE = 6;

const BLOCK = 4096;
/** 32 TiB of RAM; its bitmap is read through in seconds. */
const MAX_PAGES = 2 ** 33;

/** Bytes from the start of the dump that hold both headers. */
export const KDUMP_HEAD_BYTES = 2 * BLOCK;

/** Where things are in a kdump-compressed dump; offsets and lengths in bytes. */
export interface KdumpHeader {
  /** Page frames that the bitmap tells about. */
  readonly pageCount: number;
  /** The second bitmap: which pages the dump holds. */
  readonly bitmapOffset: number;
  /** The first `page_desc`. */
  readonly descriptorsOffset: number;
}

/** Whether a file starts as a kdump-compressed dump in its ordinary form does. */
export const isKdump = (head: Uint8Array): boolean =>
  Buffer.from(head.subarray(0, SIGNATURE.length)).toString("latin1") === SIGNATURE;

/**
 * The headers of a kdump-compressed dump of an x86-64 guest.
 *
 * HOSTILE: whoever made the file. Throws `dump/truncated` and `dump/unknown-format`.
 */
export function parseKdumpHeader(head: Uint8Array): KdumpHeader {
  const reader = new BinaryReader(head, "a kdump header", "dump/truncated");
  if (!isKdump(reader.bytes("signature", SIGNATURE.length))) throw unknown("no KDUMP signature");
  const version = reader.seek(HEADER.version).u32("header_version");
  const machine = text(reader.seek(HEADER.machine).bytes("utsname.machine", MACHINE_BYTES));
  reader.seek(HEADER.status).u32("status");
  const blockSize = reader.u32("block_size");
  const subHeaderBlocks = reader.u32("sub_hdr_size");
  const bitmapBlocks = reader.u32("bitmap_blocks");
  const maxMapnr = reader.u32("max_mapnr");
  if (machine !== "x86_64") throw unknown(`a machine \`${machine}\``);
  if (blockSize !== BLOCK) throw unknown(`blocks of ${blockSize} bytes`);

  const split = reader.seek(BLOCK + SUB_HEADER.split).u32("split");
  if (split !== 0) throw unknown("one part of a dump that was split");
  const pages =
    version >= MAX_MAPNR_64_SINCE
      ? reader.seek(BLOCK + SUB_HEADER.maxMapnr64).u64("max_mapnr_64")
      : BigInt(maxMapnr);
  if (pages > MAX_PAGES) throw unknown(`${pages} page frames`);
  const pageCount = Number(pages);

  const needed = Math.ceil(pageCount / 8 / BLOCK);
  const two = bitmapBlocks >= 2 * needed;
  if (bitmapBlocks < needed) {
    throw unknown(`${bitmapBlocks} blocks of bitmap for ${pageCount} page frames`);
  }
  const bitmaps = (1 + subHeaderBlocks) * BLOCK;
  return {
    pageCount,
    bitmapOffset: bitmaps + (two ? (bitmapBlocks / 2) * BLOCK : 0),
    descriptorsOffset: bitmaps + bitmapBlocks * BLOCK,
  };
}

const text = (field: Uint8Array): string =>
  Buffer.from(field).toString("latin1").split("\0", 1)[0] ?? "";

function unknown(seen: string): CasemateError {
  return new CasemateError(
    "dump/unknown-format",
    `Cannot read a kdump-compressed dump: ${seen}, expected one of an x86-64 guest.`,
    { next: "Take the dump again with `virsh dump --memory-only`, in one file." },
  );
}
