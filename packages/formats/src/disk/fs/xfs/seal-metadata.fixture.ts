import { crc32c } from "../../../crc32c.ts";

/** Where metadata of version 5 have their checksum, by the magic number that they begin with. */
const CHECKSUM_AT: Readonly<Record<string, number>> = {
  XFSB: 224,
  IN: 100,
  BMA3: 64,
  XDB3: 4,
  XDD3: 4,
  XSLM: 12,
};
const SECTOR = 512;

/**
 * What gives the metadata of a changed copy of `sound` their checksums again, so that what is in them is
 * looked at. Its blocks are larger than its inodes of 512 bytes, and each directory block is one.
 */
export function makeXfsSeal(sound: Buffer): (changed: Buffer) => void {
  const blockSize = sound.readUInt32BE(4);
  const places: (readonly [at: number, size: number, checksumAt: number])[] = [];
  for (let at = 0; at + blockSize <= sound.length; at += SECTOR) {
    const magic = sound.toString("latin1", at, at + 4);
    const isSector = magic === "XFSB" || magic.startsWith("IN");
    const checksumAt = CHECKSUM_AT[isSector ? magic.replace(/^IN.*/s, "IN") : magic];
    if (checksumAt === undefined) continue;
    const size = isSector ? SECTOR : blockSize;
    const isSound = sound.readUInt32LE(at + checksumAt) === sumUp(sound, at, size, checksumAt);
    if (isSound) places.push([at, size, checksumAt]);
  }
  return (changed) => {
    for (const [at, size, checksumAt] of places) {
      if (at + size > changed.length) continue;
      changed.writeUInt32LE(sumUp(changed, at, size, checksumAt), at + checksumAt);
    }
  };
}

function sumUp(bytes: Buffer, at: number, size: number, checksumAt: number): number {
  const before = crc32c(0xffff_ffff, bytes.subarray(at, at + checksumAt));
  const after = bytes.subarray(at + checksumAt + 4, at + size);
  return ~crc32c(crc32c(before, Buffer.alloc(4)), after) >>> 0;
}
