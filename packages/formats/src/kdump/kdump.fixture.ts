import { deflateSync, zstdCompressSync } from "node:zlib";

const PAGE = 4096;

export type Packing = "none" | "zlib" | "zstd";

export interface KdumpToBuild {
  /** Page frames in the dump, by number. */
  readonly pages: ReadonlyMap<number, Buffer>;
  readonly pageCount: number;
  readonly packing: Packing;
  /** With the second bitmap only, as the oldest writers did. */
  readonly oneBitmap?: boolean;
}

/** A kdump-compressed dump in its ordinary form (makedumpfile 1.7.2, IMPLEMENTATION). */
export function buildKdump({ pages, pageCount, packing, oneBitmap }: KdumpToBuild): Buffer {
  const bitmapBlocks = Math.ceil(pageCount / 8 / PAGE);
  const header = Buffer.alloc(PAGE);
  header.write("KDUMP   ", 0, "latin1");
  header.writeUInt32LE(6, 8); // header_version
  header.write("x86_64", 272, "latin1"); // utsname.machine
  header.writeUInt32LE(PAGE, 428); // block_size
  header.writeUInt32LE(1, 432); // sub_hdr_size
  header.writeUInt32LE(oneBitmap === true ? bitmapBlocks : 2 * bitmapBlocks, 436);
  header.writeUInt32LE(pageCount, 440); // max_mapnr
  const subHeader = Buffer.alloc(PAGE);
  subHeader.writeBigUInt64LE(BigInt(pageCount), 96); // max_mapnr_64

  const bitmap = Buffer.alloc(bitmapBlocks * PAGE);
  const frames = [...pages.keys()].sort((a, b) => a - b);
  for (const frame of frames) {
    bitmap.writeUInt8(bitmap.readUInt8(frame >>> 3) | (1 << (frame & 7)), frame >>> 3);
  }
  const bitmaps = oneBitmap === true ? [bitmap] : [Buffer.alloc(bitmap.length, 0xff), bitmap];

  const descriptors = Buffer.alloc(24 * frames.length);
  const data: Buffer[] = [];
  let at = (2 + bitmaps.length * bitmapBlocks) * PAGE + descriptors.length;
  for (const [i, frame] of frames.entries()) {
    const { bytes, flags } = pack(pages.get(frame) ?? Buffer.alloc(PAGE), packing);
    descriptors.writeBigUInt64LE(BigInt(at), 24 * i);
    descriptors.writeUInt32LE(bytes.length, 24 * i + 8);
    descriptors.writeUInt32LE(flags, 24 * i + 12);
    data.push(bytes);
    at += bytes.length;
  }
  return Buffer.concat([header, subHeader, ...bitmaps, descriptors, ...data]);
}

/** The same dump in flattened form: `[offset, bytes]` in the order they were written. */
export function buildFlattened(segments: readonly (readonly [number, Buffer])[]): Buffer {
  const head = Buffer.alloc(PAGE);
  head.write("makedumpfile", 0, "latin1");
  head.writeBigInt64BE(1n, 16);
  head.writeBigInt64BE(1n, 24);
  return Buffer.concat([
    head,
    ...segments.flatMap(([offset, bytes]) => [dataHeader(offset, bytes.length), bytes]),
    dataHeader(-1, -1),
  ]);
}

function dataHeader(offset: number, length: number): Buffer {
  const header = Buffer.alloc(16);
  header.writeBigInt64BE(BigInt(offset), 0);
  header.writeBigInt64BE(BigInt(length), 8);
  return header;
}

function pack(page: Buffer, packing: Packing): { readonly bytes: Buffer; readonly flags: number } {
  const bytes =
    packing === "zlib" ? deflateSync(page) : packing === "zstd" ? zstdCompressSync(page) : page;
  // What does not get smaller is stored as it is, by all writers.
  if (bytes.length >= PAGE) return { bytes: page, flags: 0 };
  return { bytes, flags: packing === "zlib" ? 0x1 : 0x20 };
}
