import { type FileHandle, open } from "node:fs/promises";
import { crc32, inflateRawSync } from "node:zlib";
import { BinaryReader } from "@casemate/core";
import { feedError } from "./feed-error.ts";

/** One file in a zip archive. */
export interface ZipEntry {
  readonly name: string;
  readonly contents: Buffer;
}

/** APPNOTE.TXT 6.3.10, 4.3.7, 4.3.12, 4.3.14 to 4.3.16: signatures and fixed sizes. */
const LOCAL_HEADER = { signature: 0x0403_4b50, bytes: 30 } as const;
const CENTRAL_HEADER = { signature: 0x0201_4b50, bytes: 46 } as const;
const END = { signature: 0x0605_4b50, bytes: 22 } as const;
const END64_LOCATOR = { signature: 0x0706_4b50, bytes: 20 } as const;
const END64 = { signature: 0x0606_4b50, bytes: 56 } as const;
const STORED = 0;
const DEFLATED = 8;
const MAX_COMMENT = 0xffff;

/** A central directory larger than any that is meant, and the largest file in it. */
const MAX_DIRECTORY_BYTES = 512 * 1024 * 1024;
const MAX_ENTRY_BYTES = 32 * 1024 * 1024;

/**
 * Every file in a zip archive whose name `wants` takes, in the archive's order, its CRC-32 checked.
 *
 * HOSTILE: whoever made the archive: each file is bounded, and no name in it becomes a path. Throws
 * `feed/malformed`, `feed/too-large`.
 */
export async function* readZip(
  path: string,
  wants: (name: string) => boolean,
): AsyncGenerator<ZipEntry> {
  await using file = await open(path);
  const { size } = await file.stat();
  const { count, offset, bytes } = await findDirectory(file, size, path);
  const reader = new BinaryReader(await readAt(file, offset, bytes, path), path, "feed/malformed");
  for (let i = 0; i < count; i += 1) {
    if (reader.u32("central header") !== CENTRAL_HEADER.signature) {
      throw malformed(path, `its directory has no entry ${i}`);
    }
    reader.skip(6);
    const method = reader.u16("compression method");
    reader.skip(4);
    const crc = reader.u32("CRC-32");
    const packed = reader.u32("compressed size");
    const expanded = reader.u32("uncompressed size");
    const nameBytes = reader.u16("name length");
    const extraBytes = reader.u16("extra length");
    const commentBytes = reader.u16("comment length");
    reader.skip(8);
    const written = reader.u32("offset");
    const name = Buffer.from(reader.bytes("name", nameBytes)).toString("utf8");
    const extra = reader.bytes("extra", extraBytes);
    reader.skip(commentBytes);
    if (!wants(name)) continue;
    if (expanded > MAX_ENTRY_BYTES || packed > MAX_ENTRY_BYTES)
      throw tooLarge(path, name, expanded);
    const at = written === 0xffff_ffff ? offset64(extra, path) : written;
    const contents = await readEntry(file, { at, method, packed, expanded }, path);
    if (contents.length !== expanded || crc32(contents) !== crc) {
      throw malformed(path, `${JSON.stringify(name.slice(0, 200))} in it is damaged`);
    }
    yield { name, contents };
  }
}

/** The end of central directory record, or the zip64 one before it. */
async function findDirectory(file: FileHandle, size: number, path: string) {
  const tailBytes = Math.min(size, END64_LOCATOR.bytes + END.bytes + MAX_COMMENT);
  const tail = await readAt(file, size - tailBytes, tailBytes, path);
  const signature = Buffer.alloc(4);
  signature.writeUInt32LE(END.signature);
  const at = tail.lastIndexOf(signature);
  if (at === -1 || at + END.bytes > tail.length)
    throw malformed(path, "it has no central directory");
  let directory = {
    count: tail.readUInt16LE(at + 10),
    bytes: tail.readUInt32LE(at + 12),
    offset: tail.readUInt32LE(at + 16),
  };
  const locator = at - END64_LOCATOR.bytes;
  if (locator >= 0 && tail.readUInt32LE(locator) === END64_LOCATOR.signature) {
    const end64 = await readAt(file, Number(tail.readBigUInt64LE(locator + 8)), END64.bytes, path);
    if (end64.readUInt32LE(0) !== END64.signature)
      throw malformed(path, "its zip64 record is not there");
    directory = {
      count: Number(end64.readBigUInt64LE(32)),
      bytes: Number(end64.readBigUInt64LE(40)),
      offset: Number(end64.readBigUInt64LE(48)),
    };
  }
  if (directory.bytes > MAX_DIRECTORY_BYTES) throw tooLarge(path, "its directory", directory.bytes);
  return directory;
}

/** 4.5.3, zip64 extended information: the offset, where sizes are not in it. */
function offset64(extra: Uint8Array, path: string): number {
  const reader = new BinaryReader(extra, `a zip64 field of ${path}`, "feed/malformed");
  while (reader.remaining >= 4) {
    const id = reader.u16("id");
    const bytes = reader.u16("size");
    if (id === 1) return Number(reader.u64("offset"));
    reader.skip(bytes);
  }
  throw malformed(path, "an entry has no offset");
}

async function readEntry(
  file: FileHandle,
  entry: {
    readonly at: number;
    readonly method: number;
    readonly packed: number;
    readonly expanded: number;
  },
  path: string,
): Promise<Buffer> {
  const header = await readAt(file, entry.at, LOCAL_HEADER.bytes, path);
  if (header.readUInt32LE(0) !== LOCAL_HEADER.signature)
    throw malformed(path, "an entry is not where it should be");
  const skip = LOCAL_HEADER.bytes + header.readUInt16LE(26) + header.readUInt16LE(28);
  const packed = await readAt(file, entry.at + skip, entry.packed, path);
  if (entry.method === STORED) return packed;
  if (entry.method !== DEFLATED)
    throw malformed(path, `an entry is compressed by method ${entry.method}`);
  try {
    return inflateRawSync(packed, { maxOutputLength: Math.max(entry.expanded, 1) });
  } catch (cause) {
    throw malformed(path, "an entry cannot be expanded to its size", cause);
  }
}

async function readAt(file: FileHandle, at: number, bytes: number, path: string): Promise<Buffer> {
  if (!Number.isSafeInteger(at) || at < 0) throw malformed(path, `it points at byte ${at}`);
  const target = Buffer.alloc(bytes);
  const { bytesRead } = await file.read(target, 0, bytes, at);
  if (bytesRead < bytes) throw malformed(path, "it ends before what it points at");
  return target;
}

function malformed(path: string, seen: string, cause?: unknown) {
  return feedError("feed/malformed", `read ${path}`, {
    seen,
    needed: "a whole zip archive",
    cause,
  });
}

function tooLarge(path: string, what: string, bytes: number) {
  return feedError("feed/too-large", `read ${path}`, {
    seen: `${what.slice(0, 200)} has ${bytes} bytes`,
    needed: `${MAX_ENTRY_BYTES} at most`,
  });
}
