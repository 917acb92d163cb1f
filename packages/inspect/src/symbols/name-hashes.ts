import type { KallsymsBlob } from "./parse-kallsyms.ts";

const RADIX = 0x0100_0193;

/**
 * Finds symbols by a hash of their names, for kernels before 6.2, which have no order of names.
 *
 * h(text) = Σ character · RADIX^(characters after it), modulo 2^32: so the hash of a name is put together
 * from those of its tokens, and no name is spelled out.
 */
export class NameHashes {
  readonly #heads: Int32Array;
  readonly #next: Int32Array;

  constructor({ count, names, tokenTable, tokenIndex }: KallsymsBlob) {
    const heads = new Int32Array(2 ** Math.ceil(Math.log2(count + 1))).fill(-1);
    const next = new Int32Array(count);
    const tokens = hashTokens(tokenTable, tokenIndex);
    const { hashes, powers, tails } = tokens;
    const positions = new Uint32Array(count);
    let at = 0;
    for (let index = 0; index < count; index += 1) {
      positions[index] = at;
      const length = names[at] ?? 0;
      at += length < 0x80 ? 1 + length : 2 + ((length & 0x7f) | ((names[at + 1] ?? 0) << 7));
    }
    // Backwards, so that the first of several symbols with one name comes first in its chain.
    let end = at;
    for (let index = count - 1; index >= 0; index -= 1) {
      const start = positions[index] ?? 0;
      const first = start + ((names[start] ?? 0) < 0x80 ? 1 : 2);
      let hash = tails[names[first] ?? 0] ?? 0;
      for (let i = first + 1; i < end; i += 1) {
        const token = names[i] ?? 0;
        hash = (Math.imul(hash, powers[token] ?? 0) + (hashes[token] ?? 0)) | 0;
      }
      const bucket = (hash ^ (hash >>> 15)) & (heads.length - 1);
      next[index] = heads[bucket] ?? -1;
      heads[bucket] = index;
      end = start;
    }
    this.#heads = heads;
    this.#next = next;
  }

  /** Numbers of the symbols that may be called `name`, lowest first. */
  *candidates(name: string): Generator<number> {
    let hash = 0;
    for (let i = 0; i < name.length; i += 1) {
      hash = (Math.imul(hash, RADIX) + name.charCodeAt(i)) | 0;
    }
    let index = this.#heads[(hash ^ (hash >>> 15)) & (this.#heads.length - 1)] ?? -1;
    while (index >= 0) {
      yield index;
      index = this.#next[index] ?? -1;
    }
  }
}

/** Of each token its hash, RADIX to the power of its length, and its hash without the first character. */
function hashTokens(table: Uint8Array, tokenIndex: Uint16Array) {
  const hashes = new Int32Array(256);
  const powers = new Int32Array(256);
  // A name's first character is its type letter, which nobody asks for.
  const tails = new Int32Array(256);
  for (let token = 0; token < 256; token += 1) {
    const start = tokenIndex[token] ?? 0;
    let hash = 0;
    let tail = 0;
    let power = 1;
    for (let at = start; (table[at] ?? 0) !== 0; at += 1) {
      hash = (Math.imul(hash, RADIX) + (table[at] ?? 0)) | 0;
      if (at > start) tail = (Math.imul(tail, RADIX) + (table[at] ?? 0)) | 0;
      power = Math.imul(power, RADIX);
    }
    hashes[token] = hash;
    powers[token] = power;
    tails[token] = tail;
  }
  return { hashes, powers, tails };
}
