import type { BlockReader } from "../block-reader.ts";
import { verifyWithin } from "../read-bytes.ts";

/** Readers of equal size that take turns, `stripeSize` bytes each (Linux, device-mapper's `striped`). */
export class StripedReader implements BlockReader {
  readonly size: number;
  readonly #stripes: readonly BlockReader[];
  readonly #stripeSize: number;

  constructor(stripes: readonly BlockReader[], stripeSize: number) {
    this.size = stripes.reduce((sum, { size }) => sum + size, 0);
    this.#stripes = stripes;
    this.#stripeSize = stripeSize;
  }

  read(offset: number, target: Uint8Array): void {
    verifyWithin(this, offset, target.length, "a striped volume");
    for (let done = 0; done < target.length; ) {
      const at = offset + done;
      const turn = Math.floor(at / this.#stripeSize);
      const within = at % this.#stripeSize;
      const row = Math.floor(turn / this.#stripes.length);
      const piece = target.subarray(done, done + this.#stripeSize - within);
      this.#stripes[turn % this.#stripes.length]?.read(row * this.#stripeSize + within, piece);
      done += piece.length;
    }
  }
}
