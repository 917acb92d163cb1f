import { crc32 } from "node:zlib";

/** A partition to be made, in sectors of 512 bytes. */
export interface Slot {
  readonly type: number;
  readonly start: number;
  readonly sectors: number;
}

const SECTOR = 512;

function writeRecord(disk: Buffer, sector: number, slots: readonly Slot[]): void {
  const at = sector * SECTOR;
  for (const [i, { type, start, sectors }] of slots.entries()) {
    const entry = at + 446 + i * 16;
    disk.writeUInt8(type, entry + 4);
    disk.writeUInt32LE(start, entry + 8);
    disk.writeUInt32LE(sectors, entry + 12);
  }
  disk.writeUInt16LE(0xaa55, at + 510);
}

/** A disk with primary partitions, the last of them extended and holding `logical` ones of 100 sectors. */
export function buildMbr(primary: readonly Slot[], extendedStart: number, logical: number): Buffer {
  const disk = Buffer.alloc(1024 * 1024);
  disk.writeUInt32LE(0xcafe_f00d, 440);
  const extended = { type: 0x05, start: extendedStart, sectors: logical * 200 };
  writeRecord(disk, 0, logical === 0 ? primary : [...primary, extended]);
  for (let i = 0; i < logical; i += 1) {
    const next = { type: 0x05, start: (i + 1) * 200, sectors: 200 };
    const own = { type: 0x83, start: 10, sectors: 100 };
    writeRecord(disk, extendedStart + i * 200, i + 1 < logical ? [own, next] : [own]);
  }
  return disk;
}

/** A disk of 1 MiB with both copies of a GPT and two partitions. */
export function buildGpt(): Buffer {
  const disk = Buffer.alloc(1024 * 1024);
  writeRecord(disk, 0, [{ type: 0xee, start: 1, sectors: 2047 }]);
  const entries = Buffer.alloc(128 * 128);
  const linux = "af3dc60f838472478e793d69d8477de4"; // as it stands on a disk
  for (const [i, [start, end, name]] of (
    [
      [64, 1023, "root"],
      [1024, 1999, "größe"],
    ] as const
  ).entries()) {
    entries.write(linux, i * 128, "hex");
    entries.write(`0011223344556677889900aabbccdd0${i}`, i * 128 + 16, "hex");
    entries.writeBigUInt64LE(BigInt(start), i * 128 + 32);
    entries.writeBigUInt64LE(BigInt(end), i * 128 + 40);
    entries.write(name, i * 128 + 56, "utf16le");
  }
  const place = (own: number, other: number, array: number) => {
    const header = Buffer.alloc(92);
    header.write("EFI PART", "latin1");
    header.writeUInt32LE(0x1_0000, 8);
    header.writeUInt32LE(92, 12);
    header.writeBigUInt64LE(BigInt(own), 24);
    header.writeBigUInt64LE(BigInt(other), 32);
    header.writeBigUInt64LE(34n, 40);
    header.writeBigUInt64LE(2014n, 48);
    header.write("ffeeddccbbaa99887766554433221100", 56, "hex");
    header.writeBigUInt64LE(BigInt(array), 72);
    header.writeUInt32LE(128, 80);
    header.writeUInt32LE(128, 84);
    header.writeUInt32LE(crc32(entries), 88);
    header.writeUInt32LE(crc32(header), 16);
    header.copy(disk, own * SECTOR);
    entries.copy(disk, array * SECTOR);
  };
  place(1, 2047, 2);
  place(2047, 1, 2015);
  return disk;
}
