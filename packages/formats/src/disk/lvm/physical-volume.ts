import { type CasemateError, toCasemateError } from "@casemate/core";
import type { BlockReader } from "../block-reader.ts";
import { readBytes } from "../read-bytes.ts";
import { StructTable } from "../struct-table.ts";
import { lvmChecksum } from "./lvm-checksum.ts";
import { damaged, unsupported } from "./lvm-error.ts";
import { parseVolumeGroup, type VolumeGroup } from "./volume-group.ts";

/** LVM2, lib/label/label.h, `struct label_header`. */
const LABEL = new StructTable("label_header", "little", 32, {
  id: [0, 8],
  sector_xl: [8, "u64"],
  crc_xl: [16, "u32"],
  offset_xl: [20, "u32"],
  type: [24, 8],
});
/** LVM2, lib/format_text/layout.h, `struct pv_header`, with its lists of `struct disk_locn` behind it. */
const PV_HEADER = new StructTable("pv_header", "little", 40, {
  pv_uuid: [0, 32],
  device_size_xl: [32, "u64"],
});
const DISK_LOCN = new StructTable("disk_locn", "little", 16, {
  offset: [0, "u64"],
  size: [8, "u64"],
});
/** `struct mda_header`, with a list of `struct raw_locn` behind it. */
const MDA_HEADER = new StructTable("mda_header", "little", 40, {
  checksum_xl: [0, "u32"],
  magic: [4, 16],
  version: [20, "u32"],
  start: [24, "u64"],
  size: [32, "u64"],
});
const RAW_LOCN = new StructTable("raw_locn", "little", 24, {
  offset: [0, "u64"],
  size: [8, "u64"],
  checksum: [16, "u32"],
  flags: [20, "u32"],
});

const SECTOR = 512;
/** `LABEL_SCAN_SECTORS`: where a label may be. */
const LABEL_SECTORS = 4;
const LABEL_ID = "LABELONE";
const LVM2_LABEL = "LVM2 001";
/** The checksum is of what follows it, to the end of the sector. */
const LABEL_CHECKED_FROM = 20;
const MDA_HEADER_BYTES = 512;
const FMTT_MAGIC = " LVM2 x[5A%r0N*>";
const FMTT_VERSION = 1;
const RAW_LOCN_IGNORED = 1;
/** Thousands of logical volumes; LVM2 makes areas of 1 MiB. */
const MAX_TEXT_BYTES = 8 * 1024 * 1024;

/** A disk or partition that is part of a volume group. */
export interface PhysicalVolume {
  /** As LVM2 shows it: `r1fYFr-5Ek0-…`. */
  readonly uuid: string;
  readonly reader: BlockReader;
  /** The volume group as this volume tells of it; none where it keeps no metadata, or it is in no group. */
  readonly group: VolumeGroup | undefined;
  /** Copies of the metadata that could not be read. */
  readonly problems: readonly CasemateError[];
}

/**
 * Reads the label of a physical volume and the metadata that it keeps, checksums verified (pvck(8)).
 * Throws `disk/damaged`, `disk/truncated`, `disk/unsupported` where there is no sound label.
 *
 * HOSTILE: whoever could write the disk.
 */
export function readPhysicalVolume(reader: BlockReader): PhysicalVolume {
  const sector = findLabel(reader);
  const { offset_xl: at } = LABEL.parse(sector);
  if (at > SECTOR - PV_HEADER.size) throw damaged("a label", `a header at byte ${at}`, "less");
  const { pv_uuid: id } = PV_HEADER.parse(sector, at);
  const dataAreas = walkLocations(sector, at + PV_HEADER.size);
  const metadataAreas = walkLocations(sector, dataAreas.end);
  const problems: CasemateError[] = [];
  let newest: VolumeGroup | undefined;
  for (const { offset } of metadataAreas.locations) {
    try {
      const group = readMetadataArea(reader, toByte(offset, "a metadata area"));
      if (group !== undefined && group.seqno > (newest?.seqno ?? -1)) newest = group;
    } catch (thrown) {
      problems.push(toCasemateError(thrown));
    }
  }
  const uuid = formatLvmUuid(Buffer.from(id).toString("latin1"));
  return { uuid, reader, group: newest, problems };
}

/** LVM2 shows its identifiers of 32 characters in groups of 6-4-4-4-4-4-6. */
function formatLvmUuid(id: string): string {
  return id.replace(/^(.{6})(.{4})(.{4})(.{4})(.{4})(.{4})(.{6})$/s, "$1-$2-$3-$4-$5-$6-$7");
}

function findLabel(reader: BlockReader): Buffer {
  for (let number = 0; number < LABEL_SECTORS; number += 1) {
    const sector = readBytes(reader, number * SECTOR, SECTOR, "a label");
    const { id, type, sector_xl: own, crc_xl: stored } = LABEL.parse(sector);
    if (Buffer.from(id).toString("latin1") !== LABEL_ID) continue;
    if (Buffer.from(type).toString("latin1") !== LVM2_LABEL) continue;
    if (own !== BigInt(number)) throw damaged("a label", `sector ${own}`, `${number}`);
    verifyChecksum("a label", stored, sector.subarray(LABEL_CHECKED_FROM));
    return sector;
  }
  throw damaged("a label", "none in the first sectors", LABEL_ID);
}

/** A list of places, which one of nothing ends. */
function walkLocations(sector: Buffer, start: number) {
  const locations: { readonly offset: bigint; readonly size: bigint }[] = [];
  for (let at = start; at + DISK_LOCN.size <= SECTOR; at += DISK_LOCN.size) {
    const location = DISK_LOCN.parse(sector, at);
    if (location.offset === 0n) return { locations, end: at + DISK_LOCN.size };
    locations.push(location);
  }
  throw damaged("a label", "areas without end", `some in ${SECTOR} bytes`);
}

/** The text that was committed last; it goes round in its area, behind the header of it. */
function readMetadataArea(reader: BlockReader, at: number): VolumeGroup | undefined {
  const what = "a metadata area";
  const head = readBytes(reader, at, MDA_HEADER_BYTES, what);
  const header = MDA_HEADER.parse(head);
  verifyChecksum(what, header.checksum_xl, head.subarray(4));
  if (Buffer.from(header.magic).toString("latin1") !== FMTT_MAGIC) {
    throw damaged(what, "another magic", JSON.stringify(FMTT_MAGIC));
  }
  if (header.version !== FMTT_VERSION) {
    throw unsupported(what, `version ${header.version}`, `${FMTT_VERSION}`);
  }
  const start = toByte(header.start, what);
  const areaSize = toByte(header.size, what);
  if (start !== at) throw damaged(what, `a start at byte ${start}`, `${at}`);
  const location = RAW_LOCN.parse(head, MDA_HEADER.size);
  if (location.offset === 0n || (location.flags & RAW_LOCN_IGNORED) !== 0) return undefined;
  const offset = toByte(location.offset, what);
  const size = toByte(location.size, what);
  const isWithin =
    offset >= MDA_HEADER_BYTES && offset < areaSize && size <= areaSize - MDA_HEADER_BYTES;
  if (!isWithin) throw damaged(what, `${size} bytes at ${offset}`, `some of ${areaSize}`);
  if (size > MAX_TEXT_BYTES) throw unsupported(what, `${size} bytes`, `${MAX_TEXT_BYTES} at most`);
  const untilEnd = Math.min(size, areaSize - offset);
  const text = Buffer.concat([
    readBytes(reader, at + offset, untilEnd, what),
    readBytes(reader, at + MDA_HEADER_BYTES, size - untilEnd, what),
  ]);
  verifyChecksum(what, location.checksum, text);
  return parseVolumeGroup(text.toString("utf8").replace(/\0+$/, ""));
}

function verifyChecksum(what: string, stored: number, bytes: Uint8Array): void {
  const seen = lvmChecksum(bytes);
  if (seen === stored) return;
  throw damaged(what, `checksum 0x${seen.toString(16)}`, `0x${stored.toString(16)}`);
}

function toByte(value: bigint, what: string): number {
  if (value <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(value);
  throw damaged(what, `byte ${value}`, "less than 8 PiB");
}
