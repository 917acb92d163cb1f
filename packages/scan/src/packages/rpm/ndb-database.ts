import { CasemateError, GiB, MiB } from "@casemate/core";
import { type BlockReader, readBytes } from "@casemate/formats/disk";

/** rpm 4.18, lib/backend/ndb/rpmpkg.c: "header", "slot", "blob head" and "blob tail"; all little-endian. */
const HEADER = { magic: 0, version: 4, slotPages: 12 } as const;
const HEADER_MAGIC = 0x506d_7052; // "RpmP"
const SLOT_MAGIC = 0x746f_6c53; // "Slot"
const BLOB_MAGIC = 0x5362_6c42; // "BlbS"
const HEADER_BYTES = 32;
const SLOT_BYTES = 16;
const BLOCK_BYTES = 16;
const BLOB_HEAD_BYTES = 16;
const PAGE_BYTES = 4096;
const MAX_SLOT_PAGES = 4096;
const MAX_BLOB_BYTES = 64 * MiB;
/** HOSTILE: of all packages together. */
const MAX_READ = 2 * GiB;

/**
 * Every package's header in rpm's `Packages.db`. HOSTILE: a slot may lead anywhere. Throws `scan/damaged`,
 * `disk/*`.
 */
export function* walkNdbBlobs(reader: BlockReader, path: string): Generator<Buffer> {
  const header = readBytes(reader, 0, HEADER_BYTES, path);
  const pages = header.readUInt32LE(HEADER.slotPages);
  const isHeader =
    header.readUInt32LE(HEADER.magic) === HEADER_MAGIC && header.readUInt32LE(HEADER.version) === 0;
  if (!isHeader || pages === 0 || pages > MAX_SLOT_PAGES) {
    throw damaged(path, "another header", `rpm's package database, up to ${MAX_SLOT_PAGES} pages`);
  }
  const slots = readBytes(reader, 0, pages * PAGE_BYTES, path);
  let read = 0;
  for (let at = HEADER_BYTES; at < slots.length; at += SLOT_BYTES) {
    if (slots.readUInt32LE(at) !== SLOT_MAGIC) throw damaged(path, `byte ${at} another`, "a slot");
    const index = slots.readUInt32LE(at + 4);
    const block = slots.readUInt32LE(at + 8);
    // Free ones have no blob.
    if (index === 0 || block === 0) continue;
    const blob = readBlob(reader, { index, offset: block * BLOCK_BYTES, path });
    read += blob.length;
    if (read > MAX_READ) throw damaged(path, "packages without end", `${MAX_READ} bytes at most`);
    yield blob;
  }
}

function readBlob(
  reader: BlockReader,
  {
    index,
    offset,
    path,
  }: { readonly index: number; readonly offset: number; readonly path: string },
): Buffer {
  const head = readBytes(reader, offset, BLOB_HEAD_BYTES, path);
  const length = head.readUInt32LE(12);
  const isBlob = head.readUInt32LE(0) === BLOB_MAGIC && head.readUInt32LE(4) === index;
  if (!isBlob || length > MAX_BLOB_BYTES) {
    throw damaged(path, `byte ${offset} another`, `package ${index}, ${MAX_BLOB_BYTES} at most`);
  }
  return readBytes(reader, offset + BLOB_HEAD_BYTES, length, path);
}

function damaged(path: string, seen: string, needed: string): CasemateError {
  return new CasemateError("scan/damaged", `Cannot read ${path}: ${seen}, expected ${needed}.`);
}
