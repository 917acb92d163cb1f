import {
  type Cipheriv,
  createCipheriv,
  createDecipheriv,
  createHash,
  type Decipheriv,
} from "node:crypto";
import { unsupported } from "./luks-error.ts";

/** AES's, in bytes. */
const BLOCK = 16;
const WORDS = BLOCK / 4;
/** x^128 = x^7 + x^2 + x + 1 (IEEE 1619, 5.2). */
const REDUCTION = 0x87;
const SECTOR = 512;

const SPECIFICATION = /^aes-(xts|cbc)-(plain|plain64|essiv:(?<hash>[a-z0-9-]+))$/;

/**
 * Decrypts sectors as dm-crypt has them (Linux, Documentation/admin-guide/device-mapper/dm-crypt.rst).
 *
 * AES goes over all sectors of a read at once: a call a sector takes four times as long.
 */
export class SectorCipher {
  readonly sectorSize: number;
  readonly #mode: "xts" | "cbc";
  readonly #isNarrow: boolean;
  readonly #data: Decipheriv;
  /** Makes of a sector's number what its decryption begins with; `undefined` where the number is it. */
  readonly #tweak: Cipheriv | undefined;

  /** @param specification as dm-crypt has it: `aes-xts-plain64`. Throws `disk/unsupported`. */
  constructor(specification: string, key: Uint8Array, sectorSize: number) {
    const [, mode, iv] = SPECIFICATION.exec(specification) ?? [];
    const halves = mode === "xts" ? 2 : 1;
    const bytes = key.length / halves;
    if (mode === undefined || ![16, 24, 32].includes(bytes) || (mode === "xts" && bytes === 24)) {
      const seen = `${JSON.stringify(specification.slice(0, 60))} with a key of ${key.length} bytes`;
      throw unsupported(seen, "aes-xts or aes-cbc");
    }
    this.sectorSize = sectorSize;
    this.#mode = mode === "xts" ? "xts" : "cbc";
    this.#isNarrow = iv === "plain";
    this.#data = createDecipheriv(ecb(bytes), key.subarray(0, bytes), null).setAutoPadding(false);
    const hash = iv?.startsWith("essiv:") === true ? iv.slice("essiv:".length) : undefined;
    if (mode === "xts" && hash !== undefined) throw unsupported(specification, "plain or plain64");
    this.#tweak =
      mode === "xts"
        ? encryptor(key.subarray(bytes))
        : hash === undefined
          ? undefined
          : encryptor(digest(hash, key));
  }

  /** Decrypts whole sectors in place; the first has number `number`, in units of 512 bytes. */
  decrypt(sectors: Buffer<ArrayBuffer>, number: number): void {
    const words = new Uint32Array(sectors.buffer, sectors.byteOffset, sectors.length / 4);
    const tweaks = this.#tweaksOf(sectors.length / this.sectorSize, number);
    if (this.#mode === "xts")
      this.#decryptXts(words, spread(tweaks, words.length, this.sectorSize));
    else this.#decryptCbc(words, tweaks);
  }

  /** IEEE 1619, 5.4: each block is masked before and after. */
  #decryptXts(words: Uint32Array<ArrayBuffer>, masks: Uint32Array): void {
    for (let i = 0; i < words.length; i += 1) words[i] = (words[i] ?? 0) ^ (masks[i] ?? 0);
    const clear = this.#decryptBlocks(words);
    for (let i = 0; i < words.length; i += 1) words[i] = (clear[i] ?? 0) ^ (masks[i] ?? 0);
  }

  /** Each block is masked with the one before it in its sector as it was, the first with the sector's. */
  #decryptCbc(words: Uint32Array<ArrayBuffer>, tweaks: Uint32Array): void {
    const clear = this.#decryptBlocks(words);
    const perSector = this.sectorSize / 4;
    for (let start = words.length - perSector; start >= 0; start -= perSector) {
      for (let i = perSector - 1; i >= WORDS; i -= 1) {
        words[start + i] = (clear[start + i] ?? 0) ^ (words[start + i - WORDS] ?? 0);
      }
      const tweak = (start / perSector) * WORDS;
      for (let i = 0; i < WORDS; i += 1) {
        words[start + i] = (clear[start + i] ?? 0) ^ (tweaks[tweak + i] ?? 0);
      }
    }
  }

  #decryptBlocks(words: Uint32Array<ArrayBuffer>): Uint32Array {
    return toWords(this.#data.update(words));
  }

  /** What each sector's decryption begins with: its number, little-endian, encrypted or not. */
  #tweaksOf(count: number, number: number): Uint32Array {
    const numbers = new Uint32Array(count * WORDS);
    for (let i = 0; i < count; i += 1) {
      const sector = number + (i * this.sectorSize) / SECTOR;
      numbers[i * WORDS] = sector;
      if (!this.#isNarrow) numbers[i * WORDS + 1] = sector / 2 ** 32;
    }
    return this.#tweak === undefined ? numbers : toWords(this.#tweak.update(numbers));
  }
}

/** The masks of all blocks: from block to block multiplied by x in GF(2^128). */
function spread(tweaks: Uint32Array, words: number, sectorSize: number): Uint32Array {
  const masks = new Uint32Array(words);
  const perSector = sectorSize / 4;
  for (let start = 0, tweak = 0; start < words; start += perSector, tweak += WORDS) {
    let [a, b, c, d] = [0, 1, 2, 3].map((i) => tweaks[tweak + i] ?? 0) as [
      number,
      number,
      number,
      number,
    ]; // four
    for (let i = start; i < start + perSector; i += WORDS) {
      masks[i] = a;
      masks[i + 1] = b;
      masks[i + 2] = c;
      masks[i + 3] = d;
      const carry = d >>> 31 === 0 ? 0 : REDUCTION;
      d = (d << 1) | (c >>> 31);
      c = (c << 1) | (b >>> 31);
      b = (b << 1) | (a >>> 31);
      a = (a << 1) ^ carry;
    }
  }
  return masks;
}

const ecb = (keyBytes: number): string => `aes-${keyBytes * 8}-ecb`;

function encryptor(key: Uint8Array): Cipheriv {
  return createCipheriv(ecb(key.length), key, null).setAutoPadding(false);
}

function digest(hash: string, key: Uint8Array): Uint8Array {
  if (hash !== "sha256") throw unsupported(`essiv:${hash}`, "essiv:sha256");
  return createHash(hash).update(key).digest();
}

/** What OpenSSL gives may begin anywhere. */
function toWords(bytes: Buffer): Uint32Array {
  const isAligned = bytes.byteOffset % 4 === 0;
  const { buffer, byteOffset, length } = isAligned ? bytes : Uint8Array.from(bytes);
  return new Uint32Array(buffer, byteOffset, length / 4);
}
