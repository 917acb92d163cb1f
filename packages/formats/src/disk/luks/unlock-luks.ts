import { argon2Sync, createHash, pbkdf2Sync, timingSafeEqual } from "node:crypto";
import type { BlockReader } from "../block-reader.ts";
import { diskError } from "../disk-error.ts";
import { readBytes } from "../read-bytes.ts";
import { damaged, unsupported } from "./luks-error.ts";
import type { LuksHeader, LuksKdf, LuksKeyslot } from "./luks-header.ts";
import { SectorCipher } from "./sector-cipher.ts";
import { verifyIterations } from "./verify-keyslot.ts";

/** What opens a LUKS volume: a passphrase (or a key file's bytes), or the key that the data are encrypted with. */
export type LuksKey =
  | { readonly passphrase: string | Uint8Array }
  | { readonly volumeKey: Uint8Array };

const SECTOR = 512;
/** As cryptsetup names them, and OpenSSL. */
const HASHES: Readonly<Record<string, string>> = {
  sha1: "sha1",
  sha224: "sha224",
  sha256: "sha256",
  sha384: "sha384",
  sha512: "sha512",
  ripemd160: "ripemd160",
  "blake2b-512": "blake2b512",
  "blake2s-256": "blake2s256",
  "sha3-256": "sha3-256",
  "sha3-512": "sha3-512",
};

/**
 * The key that a volume's data are encrypted with, found to be it by the header's digest.
 *
 * A passphrase is tried on each keyslot, which takes up to seconds and a GiB of memory each: that is what
 * they are for. Throws `disk/encrypted` where it opens none, `disk/unsupported`, `disk/damaged`,
 * `disk/truncated`.
 */
export function unlockLuks(volume: BlockReader, header: LuksHeader, key: LuksKey): Uint8Array {
  verifyIterations("a digest", header.digest.iterations);
  if ("volumeKey" in key) {
    if (isVolumeKey(header, key.volumeKey)) return key.volumeKey;
    throw locked("the volume key is another", "the one that its header has a digest of");
  }
  for (const slot of header.keyslots) {
    const found = openKeyslot(volume, slot, key.passphrase);
    if (isVolumeKey(header, found)) return found;
  }
  const seen = `the passphrase opens none of its ${header.keyslots.length} keyslots`;
  throw locked(seen, "one that does");
}

function openKeyslot(volume: BlockReader, slot: LuksKeyslot, passphrase: string | Uint8Array) {
  const { area, keySize, stripes, hash } = slot;
  const bytes = Math.ceil((keySize * stripes) / SECTOR) * SECTOR;
  const split = readBytes(volume, area.offset, bytes, "a keyslot");
  const key = deriveKey(slot.kdf, passphrase, area.keySize);
  // Keyslots have sectors of 512 bytes, counted from their own start, whatever the data have.
  new SectorCipher(area.encryption, key, SECTOR).decrypt(split, 0);
  return mergeStripes(split, keySize, stripes, hashName(hash));
}

function deriveKey(kdf: LuksKdf, passphrase: string | Uint8Array, length: number): Buffer {
  switch (kdf.type) {
    case "pbkdf2":
      return pbkdf2Sync(passphrase, kdf.salt, kdf.iterations, length, hashName(kdf.hash));
    case "argon2i":
    case "argon2id": {
      const { type, passes, memoryKiB: memory, lanes: parallelism, salt: nonce } = kdf;
      if (nonce.length < 8) throw damaged(`a salt of ${nonce.length} bytes`, "8 or more");
      const message = passphrase;
      return argon2Sync(type, { message, nonce, memory, passes, parallelism, tagLength: length });
    }
  }
}

/** LUKS1 specification, 2.4, "AFmerge": all stripes are needed for any bit of the key. */
function mergeStripes(split: Buffer, size: number, stripes: number, hash: string): Buffer {
  let block = Buffer.alloc(size);
  for (let i = 0; i < stripes; i += 1) {
    const stripe = split.subarray(i * size, (i + 1) * size);
    for (let k = 0; k < size; k += 1) block[k] = (block[k] ?? 0) ^ (stripe[k] ?? 0);
    if (i + 1 < stripes) block = diffuse(block, hash);
  }
  return block;
}

/** Each part as long as a hash becomes the hash of its number and itself; the last may be shorter. */
function diffuse(block: Buffer<ArrayBuffer>, hash: string): Buffer<ArrayBuffer> {
  const out = Buffer.alloc(block.length);
  for (let at = 0, number = 0; at < block.length; number += 1) {
    const prefix = Buffer.alloc(4);
    prefix.writeUInt32BE(number);
    const length = createHash(hash).digest().length;
    const digest = createHash(hash)
      .update(prefix)
      .update(block.subarray(at, at + length))
      .digest();
    digest.copy(out, at, 0, Math.min(length, block.length - at));
    at += length;
  }
  return out;
}

function isVolumeKey({ digest }: LuksHeader, key: Uint8Array): boolean {
  const { hash, iterations, salt, digest: needed } = digest;
  if (needed.length < 16 || needed.length > 512)
    throw damaged(`a digest of ${needed.length} bytes`, "20 or more");
  const seen = pbkdf2Sync(key, salt, iterations, needed.length, hashName(hash));
  return timingSafeEqual(seen, needed);
}

function hashName(hash: string): string {
  const name = HASHES[hash];
  if (name !== undefined) return name;
  throw unsupported(`hash ${JSON.stringify(hash.slice(0, 40))}`, Object.keys(HASHES).join(", "));
}

function locked(seen: string, needed: string) {
  return diskError("disk/encrypted", "unlock a LUKS volume", { seen, needed });
}
