import { crc32c } from "../../../crc32c.ts";
import { crc16 } from "./crc16.ts";
import { damaged } from "./ext4-error.ts";
import type { Ext4Superblock } from "./ext4-superblock.ts";

/** `struct ext4_group_desc` (fs/ext4/ext4.h): what is read of it, the upper half in 64 bytes and more. */
const DESCRIPTOR = { inodeTableLo: 0x08, checksum: 0x1e, inodeTableHi: 0x28 } as const;
const WIDE_DESCRIPTOR = 64;
const NO_CHECKSUM = new Uint8Array(2);

/** Where the inodes of a group are, as its descriptor says, checksum verified. Throws `disk/damaged`. */
export function parseInodeTable(
  bytes: Buffer,
  group: number,
  { checksumSeed, descriptorSeed }: Ext4Superblock,
): number {
  const seen =
    checksumSeed !== undefined
      ? checksumOf(bytes, group, checksumSeed)
      : descriptorSeed !== undefined
        ? shortChecksumOf(bytes, group, descriptorSeed)
        : undefined;
  const stored = bytes.readUInt16LE(DESCRIPTOR.checksum);
  if (seen !== undefined && seen !== stored) {
    throw damaged(`group ${group}`, `checksum 0x${seen.toString(16)}`, `0x${stored.toString(16)}`);
  }
  const isWide = bytes.length >= WIDE_DESCRIPTOR;
  const high = isWide ? bytes.readUInt32LE(DESCRIPTOR.inodeTableHi) : 0;
  return bytes.readUInt32LE(DESCRIPTOR.inodeTableLo) + high * 2 ** 32;
}

/** The lower half of a CRC-32C, to which the checksum's own bytes are zeros. */
function checksumOf(bytes: Buffer, group: number, seed: number): number {
  const before = crc32c(crc32c(seed, numberOf(group)), bytes.subarray(0, DESCRIPTOR.checksum));
  const after = bytes.subarray(DESCRIPTOR.checksum + NO_CHECKSUM.length);
  return crc32c(crc32c(before, NO_CHECKSUM), after) & 0xffff;
}

/** A CRC-16 that leaves out the checksum's own bytes (ext4_group_desc_csum). */
function shortChecksumOf(bytes: Buffer, group: number, seed: number): number {
  const before = crc16(crc16(seed, numberOf(group)), bytes.subarray(0, DESCRIPTOR.checksum));
  return crc16(before, bytes.subarray(DESCRIPTOR.checksum + NO_CHECKSUM.length));
}

function numberOf(group: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(group);
  return bytes;
}
