import type { KallsymsBlob } from "./parse-kallsyms.ts";

/**
 * Finds symbols by a hash of their names, for kernels before 6.2, which have no order of names.
 *
 * The hash is the sum of a weight for each character, modulo 2^32: so that of a name is the sum of its
 * tokens' sums, and no name is spelled out. Names of the same letters in another order share it; real
 * kernels have few.
 */
export class NameHashes {
  readonly #heads: Int32Array;
  readonly #next: Int32Array;

  constructor({ count, names, tokenTable, tokenIndex }: KallsymsBlob) {
    const heads = new Int32Array(2 ** Math.ceil(Math.log2(count + 1))).fill(-1);
    const next = new Int32Array(count).fill(-1);
    // The last of each chain, so that the first of several symbols with one name comes first in it.
    const ends = new Int32Array(heads.length);
    const mask = heads.length - 1;
    const { sums, tails } = sumTokens(tokenTable, tokenIndex);
    let at = 0;
    for (let index = 0; index < count; index += 1) {
      let length = names[at] ?? 0;
      at += 1;
      if (length >= 0x80) {
        length = (length & 0x7f) | ((names[at] ?? 0) << 7);
        at += 1;
      }
      let hash = tails[names[at] ?? 0] ?? 0;
      const end = at + length;
      for (at += 1; at < end; at += 1) hash = (hash + (sums[names[at] ?? 0] ?? 0)) | 0;
      at = end;
      const bucket = (hash ^ (hash >>> 15)) & mask;
      if (heads[bucket] === -1) heads[bucket] = index;
      else next[ends[bucket] ?? 0] = index;
      ends[bucket] = index;
    }
    this.#heads = heads;
    this.#next = next;
  }

  /** Numbers of the symbols that may be called `name`, lowest first. */
  *candidates(name: string): Generator<number> {
    let hash = 0;
    for (let i = 0; i < name.length; i += 1) {
      hash = (hash + (WEIGHTS[name.charCodeAt(i) & 0xff] ?? 0)) | 0;
    }
    let index = this.#heads[(hash ^ (hash >>> 15)) & (this.#heads.length - 1)] ?? -1;
    while (index >= 0) {
      yield index;
      index = this.#next[index] ?? -1;
    }
  }
}

/** A number without a pattern for each byte (the finalizer of MurmurHash3). */
const WEIGHTS = Int32Array.from({ length: 256 }, (_, byte) => {
  const first = Math.imul(byte + 1, 0x9e37_79b1);
  const second = Math.imul(first ^ (first >>> 16), 0x85eb_ca6b);
  return Math.imul(second ^ (second >>> 13), 0xc2b2_ae35);
});

/** Of each token the sum of its weights, and that without its first character. */
function sumTokens(table: Uint8Array, tokenIndex: Uint16Array) {
  const sums = new Int32Array(256);
  // A name's first character is its type letter, which nobody asks for.
  const tails = new Int32Array(256);
  for (let token = 0; token < 256; token += 1) {
    const start = tokenIndex[token] ?? 0;
    let sum = 0;
    for (let at = start; (table[at] ?? 0) !== 0; at += 1) {
      sum = (sum + (WEIGHTS[table[at] ?? 0] ?? 0)) | 0;
    }
    sums[token] = sum;
    tails[token] = sum - (WEIGHTS[table[start] ?? 0] ?? 0);
  }
  return { sums, tails };
}
