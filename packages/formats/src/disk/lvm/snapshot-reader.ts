import type { BlockReader } from "../block-reader.ts";
import { readBytes, verifyWithin } from "../read-bytes.ts";
import { StructTable } from "../struct-table.ts";
import { damaged, unsupported } from "./lvm-error.ts";

/** Linux 6.12, drivers/md/dm-snap-persistent.c, `struct disk_header`: the first chunk of the store. */
const HEADER = new StructTable("disk_header", "little", 16, {
  magic: [0, "u32"],
  valid: [4, "u32"],
  version: [8, "u32"],
  chunk_size: [12, "u32"],
});
const SNAP_MAGIC = 0x7041_6e53;
const SNAPSHOT_DISK_VERSION = 1;
const HEADER_CHUNKS = 1;
/** `struct disk_exception`: old_chunk, new_chunk. */
const EXCEPTION_BYTES = 16;
const SECTOR = 512;
const MAX_CHUNK_BYTES = 1024 * 1024;
/** 64 MiB of memory, 32 GiB in chunks of 4 KiB. */
const MAX_EXCEPTIONS = 8_388_608;
/** Chunks that are told apart here: 16 TiB in chunks of 4 KiB. */
const CHUNK_BITS = 32n;

/** A snapshot of a logical volume: chunks of its origin as they were, where they or it changed since. */
export class SnapshotReader implements BlockReader {
  readonly size: number;
  readonly #origin: BlockReader;
  readonly #store: BlockReader;
  readonly #chunkSize: number;
  /** The changed chunks in order, each with where it is in the store in its lower bits. */
  readonly #exceptions: BigUint64Array;

  /** Throws `disk/damaged`, `disk/unsupported`, `disk/truncated`. HOSTILE: whoever could write the disk. */
  constructor(size: number, origin: BlockReader, store: BlockReader) {
    this.size = size;
    this.#origin = origin;
    this.#store = store;
    const raw = HEADER.parse(readBytes(store, 0, HEADER.size, "a snapshot"));
    if (raw.magic !== SNAP_MAGIC) throw wrong(`magic 0x${raw.magic.toString(16)}`, "SnAp");
    if (raw.version !== SNAPSHOT_DISK_VERSION) {
      throw unsupported("a snapshot", `version ${raw.version}`, `${SNAPSHOT_DISK_VERSION}`);
    }
    // Its store was full, and what was in it is no state of the volume any more.
    if (raw.valid !== 1) throw wrong("a snapshot that is marked as invalid", "a valid one");
    this.#chunkSize = raw.chunk_size * SECTOR;
    const isSane =
      this.#chunkSize >= SECTOR &&
      this.#chunkSize <= MAX_CHUNK_BYTES &&
      (raw.chunk_size & (raw.chunk_size - 1)) === 0;
    if (!isSane) throw wrong(`chunks of ${this.#chunkSize} bytes`, `${MAX_CHUNK_BYTES} at most`);
    this.#exceptions = readExceptions(store, this.#chunkSize);
  }

  read(offset: number, target: Uint8Array): void {
    verifyWithin(this, offset, target.length, "a snapshot");
    for (let done = 0; done < target.length; ) {
      const at = offset + done;
      const within = at % this.#chunkSize;
      const part = target.subarray(done, done + this.#chunkSize - within);
      const chunk = findChunk(this.#exceptions, Math.floor(at / this.#chunkSize));
      if (chunk === undefined) {
        verifyWithin(this.#origin, at, part.length, "a snapshot's origin");
        this.#origin.read(at, part);
      } else {
        verifyWithin(this.#store, chunk * this.#chunkSize + within, part.length, "a snapshot");
        this.#store.read(chunk * this.#chunkSize + within, part);
      }
      done += part.length;
    }
  }
}

/** Where a chunk is in the store; `undefined` where it never changed. */
function findChunk(exceptions: BigUint64Array, chunk: number): number | undefined {
  let [low, high] = [0, exceptions.length - 1];
  while (low <= high) {
    const middle = Math.floor((low + high) / 2);
    const exception = exceptions[middle] ?? 0n;
    const old = Number(exception >> CHUNK_BITS);
    if (old === chunk) return Number(BigInt.asUintN(Number(CHUNK_BITS), exception));
    if (old < chunk) low = middle + 1;
    else high = middle - 1;
  }
  return undefined;
}

/** Each chunk of exceptions is followed by the chunks that they are about; one of 0 is the end. */
function readExceptions(store: BlockReader, chunkSize: number): BigUint64Array {
  const perArea = chunkSize / EXCEPTION_BYTES;
  const chunks = Math.floor(store.size / chunkSize);
  const exceptions = new BigUint64Array(Math.min(chunks, MAX_EXCEPTIONS));
  let count = 0;
  for (let area = HEADER_CHUNKS; area < chunks; area += perArea + 1) {
    const bytes = readBytes(store, area * chunkSize, chunkSize, "a snapshot");
    for (let at = 0; at < chunkSize; at += EXCEPTION_BYTES) {
      const [old, stored] = [bytes.readBigUInt64LE(at), bytes.readBigUInt64LE(at + 8)];
      if (stored === 0n) return exceptions.subarray(0, count).sort();
      if (count === exceptions.length) {
        throw unsupported("a snapshot", `more than ${count} changes`, "fewer");
      }
      if (stored >= BigInt(chunks) || old >> CHUNK_BITS !== 0n || stored >> CHUNK_BITS !== 0n) {
        throw wrong(`chunk ${old} at ${stored}`, `one of ${chunks}`);
      }
      exceptions[count] = (old << CHUNK_BITS) | stored;
      count += 1;
    }
  }
  return exceptions.subarray(0, count).sort();
}

function wrong(seen: string, needed: string) {
  return damaged("a snapshot", seen, needed);
}
