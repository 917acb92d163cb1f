/** A model of 11 bits, and by how much it moves (LZMA specification, "Range decoder"). */
const MODEL_BITS = 11;
const MOVE_BITS = 5;
export const HALF = 1 << (MODEL_BITS - 1);
const TOP = 2 ** 24;

/**
 * LZMA's range decoder. Beyond the end of its bytes it reads zeros; `isAtEnd` and `at` tell, so that the
 * innermost loop has nothing to check.
 */
export class RangeDecoder {
  readonly #bytes: Uint8Array;
  at: number;
  #range = 0xffff_ffff;
  #code = 0;

  /** The first five bytes at `at` set it up. */
  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes;
    this.at = at + 5;
    for (let i = 1; i < 5; i += 1) this.#code = (this.#code << 8) | (bytes[at + i] ?? 0);
    this.#code >>>= 0;
  }

  /** A chunk of LZMA2 ends with nothing left in the decoder. */
  get isAtEnd(): boolean {
    return this.#code === 0;
  }

  /** A bit by model `index` of `models`, which learns from it. */
  bit(models: Uint16Array, index: number): 0 | 1 {
    const model = models[index] ?? 0;
    const bound = (this.#range >>> MODEL_BITS) * model;
    let bit: 0 | 1;
    if (this.#code < bound) {
      this.#range = bound;
      models[index] = model + (((1 << MODEL_BITS) - model) >>> MOVE_BITS);
      bit = 0;
    } else {
      this.#range -= bound;
      this.#code -= bound;
      models[index] = model - (model >>> MOVE_BITS);
      bit = 1;
    }
    if (this.#range < TOP) this.#fill();
    return bit;
  }

  /** `count` bits that no model knows. */
  direct(count: number): number {
    let value = 0;
    for (let i = 0; i < count; i += 1) {
      this.#range >>>= 1;
      const isOne = this.#code >= this.#range;
      if (isOne) this.#code -= this.#range;
      value = (value << 1) | (isOne ? 1 : 0);
      if (this.#range < TOP) this.#fill();
    }
    return value >>> 0;
  }

  /** A number of `count` bits, highest first, by a tree of models from `base` on. */
  tree(models: Uint16Array, base: number, count: number): number {
    let node = 1;
    for (let i = 0; i < count; i += 1) node = (node << 1) | this.bit(models, base + node);
    return node - (1 << count);
  }

  /** As `tree`, lowest bit first. */
  reverseTree(models: Uint16Array, base: number, count: number): number {
    let node = 1;
    let value = 0;
    for (let i = 0; i < count; i += 1) {
      const bit = this.bit(models, base + node);
      node = (node << 1) | bit;
      value |= bit << i;
    }
    return value;
  }

  #fill(): void {
    this.#range = (this.#range << 8) >>> 0;
    this.#code = ((this.#code << 8) | (this.#bytes[this.at] ?? 0)) >>> 0;
    this.at += 1;
  }
}
