import type { BlockReader } from "./block-reader.ts";
import { readBytes } from "./read-bytes.ts";
import { isUsable, type Kept, keepReads, useKept, useKeptPart } from "./trace/trace-reads.ts";

/** The blocks of a reader that were read last, at most `limit` bytes of them. */
export class BlockCache {
  readonly #reader: BlockReader;
  readonly #what: string;
  readonly #length: number;
  readonly #most: number;
  /** By offset; least recently used first. */
  readonly #blocks = new Map<number, Kept<Buffer<ArrayBuffer>>>();
  /** The one that was asked for last: mostly it is the next, too. */
  #latest: { readonly offset: number; readonly kept: Kept<Buffer<ArrayBuffer>> } | undefined;

  /** @param length of each block in bytes; @param what names them in errors. */
  constructor(reader: BlockReader, length: number, limit: number, what: string) {
    this.#reader = reader;
    this.#length = length;
    this.#most = Math.max(1, Math.floor(limit / length));
    this.#what = what;
  }

  /** The block that begins at byte `offset`; not to be written to. */
  block(offset: number): Buffer<ArrayBuffer> {
    return useKept(this.#kept(offset));
  }

  /** That block, of which nothing is used but `length` bytes from its byte `start` on. */
  blockFor(offset: number, start: number, length: number): Buffer<ArrayBuffer> {
    return useKeptPart(this.#kept(offset), start, length);
  }

  #kept(offset: number): Kept<Buffer<ArrayBuffer>> {
    const latest = this.#latest;
    if (latest?.offset === offset && isUsable(latest.kept)) return latest.kept;
    const kept = this.#find(offset);
    this.#latest = { offset, kept };
    return kept;
  }

  #find(offset: number): Kept<Buffer<ArrayBuffer>> {
    const known = this.#blocks.get(offset);
    if (known !== undefined && isUsable(known)) {
      this.#blocks.delete(offset);
      this.#blocks.set(offset, known);
      return known;
    }
    const read = keepReads(() => readBytes(this.#reader, offset, this.#length, this.#what));
    for (const oldest of this.#blocks.keys()) {
      if (this.#blocks.size < this.#most) break;
      this.#blocks.delete(oldest);
    }
    this.#blocks.set(offset, read);
    return read;
  }
}
