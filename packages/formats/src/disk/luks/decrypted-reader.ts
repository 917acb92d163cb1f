import type { BlockReader } from "../block-reader.ts";
import { verifyWithin } from "../read-bytes.ts";
import type { SectorCipher } from "./sector-cipher.ts";

const SECTOR = 512;
/** Decrypted at once. */
const CHUNK_BYTES = 128 * 1024;

/** A reader of what another holds encrypted, sector by sector; what is no whole sector at its end is left out. */
export class DecryptedReader implements BlockReader {
  readonly size: number;
  readonly #encrypted: BlockReader;
  readonly #cipher: SectorCipher;
  readonly #ivTweak: number;

  /** @param ivTweak what sectors are counted from, in 512 bytes. */
  constructor(encrypted: BlockReader, cipher: SectorCipher, ivTweak: number) {
    this.size = Math.floor(encrypted.size / cipher.sectorSize) * cipher.sectorSize;
    this.#encrypted = encrypted;
    this.#cipher = cipher;
    this.#ivTweak = ivTweak;
  }

  read(offset: number, target: Uint8Array): void {
    verifyWithin(this, offset, target.length, "an encrypted volume");
    const { sectorSize } = this.#cipher;
    for (let done = 0; done < target.length; ) {
      const at = offset + done;
      const start = Math.floor(at / sectorSize) * sectorSize;
      const most = Math.min(target.length - done + (at - start), CHUNK_BYTES);
      const sectors = Buffer.alloc(Math.ceil(most / sectorSize) * sectorSize);
      this.#encrypted.read(start, sectors);
      this.#cipher.decrypt(sectors, this.#ivTweak + start / SECTOR);
      const clear = sectors.subarray(at - start);
      const part = target.subarray(done, done + clear.length);
      part.set(clear.subarray(0, part.length));
      done += part.length;
    }
  }
}
