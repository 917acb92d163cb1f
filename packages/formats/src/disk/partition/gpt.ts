import { crc32 } from "node:zlib";
import { type CasemateError, toCasemateError } from "@casemate/core";
import type { BlockReader } from "../block-reader.ts";
import { diskError } from "../disk-error.ts";
import { readBytes } from "../read-bytes.ts";
import { StructTable } from "../struct-table.ts";
import type { Partition, PartitionTable } from "./partition-table.ts";

/** UEFI 2.10, table 5.5, "GPT Header". */
const HEADER = new StructTable("GPT header", "little", 92, {
  Signature: [0, 8],
  Revision: [8, "u32"],
  HeaderSize: [12, "u32"],
  HeaderCRC32: [16, "u32"],
  MyLBA: [24, "u64"],
  AlternateLBA: [32, "u64"],
  FirstUsableLBA: [40, "u64"],
  LastUsableLBA: [48, "u64"],
  DiskGUID: [56, 16],
  PartitionEntryLBA: [72, "u64"],
  NumberOfPartitionEntries: [80, "u32"],
  SizeOfPartitionEntry: [84, "u32"],
  PartitionEntryArrayCRC32: [88, "u32"],
});
/** UEFI 2.10, table 5.6, "GPT Partition Entry". */
const ENTRY = new StructTable("GPT partition entry", "little", 128, {
  PartitionTypeGUID: [0, 16],
  UniquePartitionGUID: [16, 16],
  StartingLBA: [32, "u64"],
  EndingLBA: [40, "u64"],
  Attributes: [48, "u64"],
  PartitionName: [56, 72],
});

const SIGNATURE = "EFI PART";
const UNUSED = "00000000-0000-0000-0000-000000000000";
const SECTOR_SIZES = [512, 4096] as const;
/** Everybody writes 128 entries of 128 bytes. */
const MAX_ENTRY_BYTES = 4096;
const MAX_ARRAY_BYTES = 1024 * 1024;

/**
 * The partitions of a disk with a GPT (UEFI 2.10, 5.3), checksums verified; `undefined` where it has none.
 *
 * Where the first copy is damaged the one at the end of the disk serves, which is said in `problems`.
 * Throws `disk/damaged` where neither holds.
 */
export function readGpt(disk: BlockReader): PartitionTable | undefined {
  for (const sector of SECTOR_SIZES) {
    const places = [sector, Math.floor(disk.size / sector) * sector - sector];
    const problems: CasemateError[] = [];
    let told = 0;
    let partitions: readonly Partition[] | undefined;
    for (const at of places) {
      if (at < sector || at + sector > disk.size || !hasSignature(disk, at)) continue;
      told += 1;
      try {
        const copy = readCopy(disk, at, sector);
        partitions ??= copy;
      } catch (thrown) {
        problems.push(toCasemateError(thrown));
      }
    }
    if (partitions !== undefined) return { scheme: "gpt", partitions, problems };
    const [first] = problems;
    if (told > 0 && first !== undefined) throw first;
  }
  return undefined;
}

function hasSignature(disk: BlockReader, at: number): boolean {
  return readBytes(disk, at, SIGNATURE.length, "a GPT header").toString("latin1") === SIGNATURE;
}

function readCopy(disk: BlockReader, at: number, sector: number): readonly Partition[] {
  const bytes = readBytes(disk, at, sector, "a GPT header");
  const header = HEADER.parse(bytes);
  const size = header.HeaderSize;
  if (size < HEADER.size || size > sector) throw damaged(at, `a header of ${size} bytes`);
  const crc = crc32(bytes.subarray(20, size), crc32(ZERO_CRC, crc32(bytes.subarray(0, 16))));
  if (crc !== header.HeaderCRC32) throw damaged(at, "another checksum than its header's");
  const { NumberOfPartitionEntries: count, SizeOfPartitionEntry: entryBytes } = header;
  const isSane = entryBytes >= ENTRY.size && entryBytes <= MAX_ENTRY_BYTES;
  if (!isSane || count * entryBytes > MAX_ARRAY_BYTES) {
    throw damaged(at, `${count} entries of ${entryBytes} bytes`);
  }
  const arrayAt = toByte(header.PartitionEntryLBA, sector, at);
  const array = readBytes(disk, arrayAt, count * entryBytes, "a GPT's entries");
  if (crc32(array) !== header.PartitionEntryArrayCRC32) {
    throw damaged(at, "another checksum than its entries'");
  }
  const partitions: Partition[] = [];
  for (let i = 0; i < count; i += 1) {
    const entry = ENTRY.parse(array, i * entryBytes);
    const type = formatGuid(entry.PartitionTypeGUID);
    if (type === UNUSED) continue;
    const start = toByte(entry.StartingLBA, sector, at);
    const end = toByte(entry.EndingLBA + 1n, sector, at);
    if (end < start) throw damaged(at, `partition ${i + 1} that ends before it begins`);
    const uuid = formatGuid(entry.UniquePartitionGUID);
    const name = Buffer.from(entry.PartitionName).toString("utf16le").replace(/\0.*$/s, "");
    partitions.push({ number: i + 1, start, size: end - start, type, uuid, name });
  }
  return partitions;
}

/** "HeaderCRC32 … is computed by setting this field to 0". */
const ZERO_CRC = new Uint8Array(4);

function toByte(lba: bigint, sector: number, at: number): number {
  const byte = lba * BigInt(sector);
  if (byte > BigInt(Number.MAX_SAFE_INTEGER)) throw damaged(at, `sector ${lba}`);
  return Number(byte);
}

/** UEFI 2.10, appendix A: the first three fields are little-endian. */
function formatGuid(guid: Uint8Array): string {
  const digits = Buffer.from(guid).toString("hex");
  const swapped = (from: number, to: number) =>
    digits.slice(from, to).match(/../g)?.toReversed().join("") ?? "";
  return [
    swapped(0, 8),
    swapped(8, 12),
    swapped(12, 16),
    digits.slice(16, 20),
    digits.slice(20),
  ].join("-");
}

function damaged(at: number, seen: string) {
  return diskError("disk/damaged", `read the GPT at byte ${at}`, { seen, needed: "a sound copy" });
}
