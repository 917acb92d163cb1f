import type { BlockReader } from "./block-reader.ts";
import { verifyWithin } from "./read-bytes.ts";

/** Readers one after the other, as one: the segments of a logical volume. */
export class JoinedReader implements BlockReader {
  readonly size: number;
  readonly #parts: readonly { readonly start: number; readonly reader: BlockReader }[];
  readonly #what: string;

  /** @param what names it in errors. */
  constructor(readers: readonly BlockReader[], what: string) {
    let size = 0;
    this.#parts = readers.map((reader) => {
      const start = size;
      size += reader.size;
      return { start, reader };
    });
    this.size = size;
    this.#what = what;
  }

  read(offset: number, target: Uint8Array): void {
    verifyWithin(this, offset, target.length, this.#what);
    let index = this.#partAt(offset);
    for (let done = 0; done < target.length; index += 1) {
      const part = this.#parts[index];
      if (part === undefined) return;
      const from = offset + done - part.start;
      const piece = target.subarray(done, done + part.reader.size - from);
      part.reader.read(from, piece);
      done += piece.length;
    }
  }

  /** The last part that begins at `offset` or before it. */
  #partAt(offset: number): number {
    let [low, high] = [0, this.#parts.length - 1];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((this.#parts[middle]?.start ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}
