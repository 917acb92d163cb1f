import type { BlockReader } from "./block-reader.ts";
import { verifyWithin } from "./read-bytes.ts";

/** `size` bytes of another reader from its byte `start` on: a partition of a disk. */
export class WindowReader implements BlockReader {
  readonly size: number;
  readonly #whole: BlockReader;
  readonly #start: number;
  readonly #what: string;

  /** @param what names it in errors. */
  constructor(whole: BlockReader, start: number, size: number, what: string) {
    this.#whole = whole;
    this.#start = start;
    this.size = size;
    this.#what = what;
  }

  read(offset: number, target: Uint8Array): void {
    verifyWithin(this, offset, target.length, this.#what);
    // HOSTILE: a partition table may tell of more than the disk has.
    verifyWithin(this.#whole, this.#start + offset, target.length, this.#what);
    this.#whole.read(this.#start + offset, target);
  }
}
