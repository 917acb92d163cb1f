import type { FileHandle } from "node:fs/promises";
import { BinaryReader, type Bytes, bytes, CasemateError } from "@casemate/core";

/** docs/interop/qcow2.txt of QEMU: fields are big-endian, the header has at most one cluster. */
const MAGIC = 0x514649fb;
const HEADER_BYTES = 104;
const HEADER_BYTES_V2 = 72;
const MAX_HEADER_BYTES = 2 * 1024 * 1024;
const MAX_BACKING_NAME = 1023;
const MAX_SNAPSHOTS = 65_536;
const SNAPSHOT_HEAD_BYTES = 40;
const MAX_SNAPSHOT_TABLE = 16 * 1024 * 1024;
const EXTENSION_END = 0;
const EXTENSION_BACKING_FORMAT = 0xe2792aca;
const INCOMPATIBLE_DATA_FILE = 1n << 2n;

/** What a qcow2's header says. HOSTILE: its author wrote it. */
export interface Qcow2Header {
  readonly virtualSize: Bytes;
  readonly encrypted: boolean;
  /** As it stands there: a path, or something else in QEMU's language. */
  readonly backingFile: string | undefined;
  readonly backingFormat: string | undefined;
  /** Whether the data are in another file. */
  readonly dataFile: boolean;
  /** Names of the internal snapshots. */
  readonly snapshots: readonly string[];
}

/** @param base byte of the file where the qcow2 begins. Throws `image/unreadable` for no whole header. */
export async function readQcow2Header(
  file: FileHandle,
  name: string,
  base = 0,
): Promise<Qcow2Header> {
  const doing = `read the header of ${name}`;
  const reader = new BigEndian(await readAt(file, base, MAX_HEADER_BYTES), doing);
  if (reader.u32(0) !== MAGIC) throw malformed(doing, "it has another magic", "a qcow2");
  const version = reader.u32(4);
  if (version !== 2 && version !== 3) throw malformed(doing, `version ${version}`, "2 or 3");
  const incompatible = version === 3 ? reader.u64(72) : 0n;
  const headerLength = version === 3 ? reader.u32(100) : HEADER_BYTES_V2;
  if (version === 3 && (headerLength < HEADER_BYTES || headerLength > MAX_HEADER_BYTES)) {
    throw malformed(doing, `a header of ${headerLength} bytes`, `at least ${HEADER_BYTES}`);
  }
  const nameAt = reader.u64(8);
  const nameLength = reader.u32(16);
  if (nameLength > MAX_BACKING_NAME) {
    throw malformed(doing, `a backing name of ${nameLength} bytes`, `at most ${MAX_BACKING_NAME}`);
  }
  const size = reader.u64(24);
  if (size > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw malformed(doing, `a disk of ${size} bytes`, "less");
  }
  const backed = nameAt !== 0n && nameLength > 0;
  return {
    virtualSize: bytes(Number(size)),
    encrypted: reader.u32(32) !== 0,
    backingFile: backed ? reader.text(Number(nameAt), nameLength) : undefined,
    backingFormat: readBackingFormat(reader, headerLength),
    dataFile: (incompatible & INCOMPATIBLE_DATA_FILE) !== 0n,
    snapshots: await readSnapshots(file, doing, reader.u32(60), reader.u64(64), base),
  };
}

function readBackingFormat(reader: BigEndian, from: number): string | undefined {
  // Each extension takes 8 bytes at least, so the loop ends with the bytes.
  for (let at = from; at + 8 <= reader.length; ) {
    const type = reader.u32(at);
    const length = reader.u32(at + 4);
    if (type === EXTENSION_END) return undefined;
    if (type === EXTENSION_BACKING_FORMAT) return reader.text(at + 8, Math.min(length, 64));
    at += 8 + Math.ceil(length / 8) * 8;
  }
  return undefined;
}

async function readSnapshots(
  file: FileHandle,
  doing: string,
  count: number,
  offset: bigint,
  base: number,
): Promise<string[]> {
  if (count === 0) return [];
  if (count > MAX_SNAPSHOTS || offset > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw malformed(doing, `${count} snapshots at ${offset}`, `at most ${MAX_SNAPSHOTS}`);
  }
  const table = new BigEndian(await readAt(file, base + Number(offset), MAX_SNAPSHOT_TABLE), doing);
  const names: string[] = [];
  for (let at = 0, index = 0; index < count; index += 1) {
    const idLength = table.u16(at + 12);
    const nameLength = table.u16(at + 14);
    const extra = table.u32(at + 36);
    if (extra > 1024) throw malformed(doing, `a snapshot's ${extra} extra bytes`, "at most 1024");
    const name = at + SNAPSHOT_HEAD_BYTES + extra + idLength;
    names.push(table.text(name, nameLength));
    at = Math.ceil((name + nameLength) / 8) * 8;
  }
  return names;
}

async function readAt(file: FileHandle, position: number, length: number): Promise<Uint8Array> {
  const { size } = await file.stat();
  const wanted = Math.max(0, Math.min(length, size - position));
  const { buffer, bytesRead } = await file.read(Buffer.alloc(wanted), 0, wanted, position);
  return buffer.subarray(0, bytesRead);
}

/** qcow2 is big-endian; the bounds are BinaryReader's. */
class BigEndian {
  readonly #reader: BinaryReader;

  constructor(data: Uint8Array, doing: string) {
    this.#reader = new BinaryReader(data, doing, "image/unreadable");
  }

  get length(): number {
    return this.#reader.length;
  }

  u16(at: number): number {
    const [high = 0, low = 0] = this.#reader.seek(at).bytes("a field", 2);
    return high * 256 + low;
  }

  u32(at: number): number {
    return this.u16(at) * 65_536 + this.u16(at + 2);
  }

  u64(at: number): bigint {
    return (BigInt(this.u32(at)) << 32n) | BigInt(this.u32(at + 4));
  }

  text(at: number, length: number): string {
    return Buffer.from(this.#reader.seek(at).bytes("a name", length)).toString("utf8");
  }
}

function malformed(doing: string, seen: string, expected: string): CasemateError {
  return new CasemateError(
    "image/unreadable",
    `Cannot ${doing}: it has ${seen}, expected ${expected}.`,
  );
}
