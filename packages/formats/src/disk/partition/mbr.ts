import type { CasemateError } from "@casemate/core";
import type { BlockReader } from "../block-reader.ts";
import { diskError } from "../disk-error.ts";
import { readBytes } from "../read-bytes.ts";
import type { Partition, PartitionTable } from "./partition-table.ts";

/** The classic generic MBR: four entries of 16 bytes, then 0x55 0xaa. */
const SECTOR = 512;
const DISK_SIGNATURE_AT = 440;
const ENTRIES_AT = 446;
const ENTRY = { status: 0, type: 4, lba: 8, sectors: 12, size: 16 } as const;
const PRIMARY_ENTRIES = 4;
const BOOT_SIGNATURE = 0xaa55;
/** Linux counts partitions of an extended one from 5 on. */
const FIRST_LOGICAL = 5;
const EXTENDED_TYPES: readonly number[] = [0x05, 0x0f, 0x85];
/** Logical partitions at most: Linux stops at 256. */
const MAX_LOGICAL = 256;

interface Entry {
  readonly status: number;
  readonly type: number;
  readonly lba: number;
  readonly sectors: number;
}

/**
 * The partitions of a disk with an MBR, logical ones included; `undefined` where there is none.
 *
 * A FAT or NTFS boot sector ends in the same two bytes: it is no MBR where an entry's status is none.
 */
export function readMbr(disk: BlockReader): PartitionTable | undefined {
  if (disk.size < SECTOR) return undefined;
  const sector = readBytes(disk, 0, SECTOR, "the MBR");
  const entries = parseEntries(sector);
  if (entries === undefined || entries.some(({ status }) => (status & 0x7f) !== 0))
    return undefined;
  const signature = sector.readUInt32LE(DISK_SIGNATURE_AT);
  const partition = (number: number, { type, lba, sectors }: Entry, from = 0): Partition => ({
    number,
    start: (from + lba) * SECTOR,
    size: sectors * SECTOR,
    type: hex(type, 2),
    uuid: signature === 0 ? undefined : `${hex(signature, 8)}-${hex(number, 2)}`,
    name: "",
  });
  const primary = entries.flatMap((entry, i) => (isUsed(entry) ? [partition(i + 1, entry)] : []));
  if (primary.length === 0) return undefined;
  const extended = entries.find((entry) => isUsed(entry) && EXTENDED_TYPES.includes(entry.type));
  const problems: CasemateError[] = [];
  const logical =
    extended === undefined
      ? []
      : readLogical(disk, extended.lba, problems).map(({ entry, from }, i) =>
          partition(FIRST_LOGICAL + i, entry, from),
        );
  return { scheme: "mbr", partitions: [...primary, ...logical], problems };
}

/** Follows the chain of extended boot records. HOSTILE: it may end nowhere or lead back. */
function readLogical(
  disk: BlockReader,
  first: number,
  problems: CasemateError[],
): readonly { readonly entry: Entry; readonly from: number }[] {
  const found: { readonly entry: Entry; readonly from: number }[] = [];
  const seen = new Set<number>();
  for (let at = first; ; ) {
    if (seen.has(at) || seen.size === MAX_LOGICAL) {
      problems.push(damaged(`a chain that goes on at sector ${at} again`, "its end"));
      return found;
    }
    seen.add(at);
    if ((at + 1) * SECTOR > disk.size) {
      problems.push(damaged(`a record at sector ${at}`, "one on the disk"));
      return found;
    }
    const entries = parseEntries(readBytes(disk, at * SECTOR, SECTOR, "an extended boot record"));
    if (entries === undefined) {
      problems.push(damaged(`no record at sector ${at}`, "one"));
      return found;
    }
    // "The first entry is the logical partition, from here; the second the next record, from the first."
    const next = entries.find((entry) => isUsed(entry) && EXTENDED_TYPES.includes(entry.type));
    for (const entry of entries) {
      if (isUsed(entry) && entry !== next && !EXTENDED_TYPES.includes(entry.type)) {
        found.push({ entry, from: at });
        break;
      }
    }
    if (next === undefined) return found;
    at = first + next.lba;
  }
}

function parseEntries(sector: Buffer): readonly Entry[] | undefined {
  if (sector.readUInt16LE(SECTOR - 2) !== BOOT_SIGNATURE) return undefined;
  return Array.from({ length: PRIMARY_ENTRIES }, (_, i) => {
    const at = ENTRIES_AT + i * ENTRY.size;
    return {
      status: sector.readUInt8(at + ENTRY.status),
      type: sector.readUInt8(at + ENTRY.type),
      lba: sector.readUInt32LE(at + ENTRY.lba),
      sectors: sector.readUInt32LE(at + ENTRY.sectors),
    };
  });
}

const isUsed = ({ type, sectors }: Entry): boolean => type !== 0 && sectors !== 0;

const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, "0");

function damaged(seen: string, needed: string) {
  return diskError("disk/damaged", "read an extended partition", { seen, needed });
}
