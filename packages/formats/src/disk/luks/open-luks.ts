import type { BlockReader } from "../block-reader.ts";
import { WindowReader } from "../window-reader.ts";
import { DecryptedReader } from "./decrypted-reader.ts";
import { damaged } from "./luks-error.ts";
import { type LuksHeader, readLuksHeader } from "./luks-header.ts";
import { SectorCipher } from "./sector-cipher.ts";
import { type LuksKey, unlockLuks } from "./unlock-luks.ts";

/**
 * What a LUKS1 or LUKS2 volume holds, decrypted as it is read.
 *
 * Throws `disk/encrypted` where the key opens it not, `disk/unsupported` for ciphers other than AES and
 * volumes that are being encrypted again, `disk/damaged`, `disk/truncated`.
 */
export function openLuks(
  volume: BlockReader,
  key: LuksKey,
  header: LuksHeader = readLuksHeader(volume),
): BlockReader {
  const { offset, size = volume.size - offset, sectorSize, ivTweak } = header.segment;
  if (offset + size > volume.size || size < 0) {
    throw damaged(`data from byte ${offset} on`, `some before byte ${volume.size}`);
  }
  const volumeKey = unlockLuks(volume, header, key);
  const cipher = new SectorCipher(header.encryption, volumeKey, sectorSize);
  const data = new WindowReader(volume, offset, size, "an encrypted volume");
  return new DecryptedReader(data, cipher, ivTweak);
}
