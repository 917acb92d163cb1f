import type { BlockReader } from "./block-reader.ts";
import { verifyWithin } from "./read-bytes.ts";

/** Bytes that are in memory already. */
export class BytesReader implements BlockReader {
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get size(): number {
    return this.#bytes.length;
  }

  read(offset: number, target: Uint8Array): void {
    verifyWithin(this, offset, target.length, "bytes");
    target.set(this.#bytes.subarray(offset, offset + target.length));
  }
}
