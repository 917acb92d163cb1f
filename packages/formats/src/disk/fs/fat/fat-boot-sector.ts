import type { BlockReader } from "../../block-reader.ts";
import { readBytes } from "../../read-bytes.ts";
import { StructTable } from "../../struct-table.ts";
import { decodeShortText } from "./code-page-437.ts";
import { damaged } from "./fat-error.ts";

/** Microsoft, FAT specification (2005), 3.1 to 3.3: the boot sector of FAT12 and FAT16, and as FAT32 has it. */
const BOOT_SECTOR = new StructTable("FAT boot sector", "little", 512, {
  BPB_BytsPerSec: [11, "u16"],
  BPB_SecPerClus: [13, "u8"],
  BPB_RsvdSecCnt: [14, "u16"],
  BPB_NumFATs: [16, "u8"],
  BPB_RootEntCnt: [17, "u16"],
  BPB_TotSec16: [19, "u16"],
  BPB_FATSz16: [22, "u16"],
  BPB_TotSec32: [32, "u32"],
  Signature_word: [510, "u16"],
});
const FAT16_BOOT_SECTOR = new StructTable("FAT16 boot sector", "little", 512, {
  BS_VolID: [39, "u32"],
  BS_VolLab: [43, 11],
});
const FAT32_BOOT_SECTOR = new StructTable("FAT32 boot sector", "little", 512, {
  BPB_FATSz32: [36, "u32"],
  BPB_ExtFlags: [40, "u16"],
  BPB_FSVer: [42, "u16"],
  BPB_RootClus: [44, "u32"],
  BS_VolID: [67, "u32"],
  BS_VolLab: [71, 11],
});

const SIGNATURE = 0xaa55;
const SECTOR_SIZES: readonly number[] = [512, 1024, 2048, 4096];
const ENTRY_BYTES = 32;
/** Linux, include/uapi/linux/msdos_fs.h: `MAX_FAT12`, `MAX_FAT16`, `MAX_FAT32`. */
const MAX_CLUSTERS = { 12: 0xff4, 16: 0xfff4, 32: 0xffff_ff6 } as const;
/** `BPB_ExtFlags`: only one copy of the table is kept up, and which. */
const NOT_MIRRORED = 0x80;
const ACTIVE_COPY = 0xf;

/** The shape of a FAT file system; places and sizes in bytes. */
export interface FatShape {
  /** Bits of an entry of the table. */
  readonly bits: 12 | 16 | 32;
  readonly label: string;
  /** As `blkid` shows it: `ABCD-0123`. */
  readonly uuid: string;
  readonly clusterSize: number;
  readonly clusterCount: number;
  /** Of the first cluster, which has number 2. */
  readonly dataStart: number;
  /** Copies of the table that are kept up, the one to be believed first. */
  readonly tables: readonly number[];
  readonly tableSize: number;
  /** Where the root directory is, or of FAT32 its first cluster. */
  readonly root: { readonly start: number; readonly size: number } | { readonly cluster: number };
}

/** Reads a boot sector. Throws `disk/damaged`, `disk/truncated`. HOSTILE: whoever could write the disk. */
export function readFatShape(reader: BlockReader): FatShape {
  const sector = readBytes(reader, 0, BOOT_SECTOR.size, "a boot sector");
  const raw = BOOT_SECTOR.parse(sector);
  const { BPB_BytsPerSec: sectorSize, BPB_SecPerClus: perCluster, BPB_NumFATs: copies } = raw;
  if (raw.Signature_word !== SIGNATURE) throw wrong("another signature", "0xaa55");
  if (!SECTOR_SIZES.includes(sectorSize))
    throw wrong(`sectors of ${sectorSize} bytes`, "512 to 4096");
  if (perCluster === 0 || (perCluster & (perCluster - 1)) !== 0) {
    throw wrong(`clusters of ${perCluster} sectors`, "a power of two");
  }
  if (copies === 0 || raw.BPB_RsvdSecCnt === 0) throw wrong("no table or no boot sector", "both");
  // As Linux has it (fs/fat/inode.c): FAT32 has no size of the table in the old place.
  const wide = raw.BPB_FATSz16 === 0 ? FAT32_BOOT_SECTOR.parse(sector) : undefined;
  const tableSize = (wide?.BPB_FATSz32 ?? raw.BPB_FATSz16) * sectorSize;
  const sectors = raw.BPB_TotSec16 === 0 ? raw.BPB_TotSec32 : raw.BPB_TotSec16;
  const tablesStart = raw.BPB_RsvdSecCnt * sectorSize;
  const rootStart = tablesStart + copies * tableSize;
  const rootSize = raw.BPB_RootEntCnt * ENTRY_BYTES;
  const dataStart = rootStart + Math.ceil(rootSize / sectorSize) * sectorSize;
  const clusterSize = perCluster * sectorSize;
  const clusterCount = Math.floor((sectors * sectorSize - dataStart) / clusterSize);
  const bits = wide !== undefined ? 32 : clusterCount > MAX_CLUSTERS[12] ? 16 : 12;
  const isSane =
    clusterCount >= 1 &&
    clusterCount <= MAX_CLUSTERS[bits] &&
    ((clusterCount + 2) * bits) / 8 <= tableSize;
  if (!isSane) throw wrong(`${clusterCount} clusters, tables of ${tableSize} bytes`, "others");
  if (wide !== undefined && wide.BPB_FSVer !== 0) throw wrong(`version ${wide.BPB_FSVer}`, "0");
  const { BS_VolID: id, BS_VolLab: label } = wide ?? FAT16_BOOT_SECTOR.parse(sector);
  return {
    bits,
    label: decodeShortText(label).trimEnd().replace("NO NAME", ""),
    uuid: id
      .toString(16)
      .toUpperCase()
      .padStart(8, "0")
      .replace(/^(.{4})/, "$1-"),
    clusterSize,
    clusterCount,
    dataStart,
    tables: listTables(wide?.BPB_ExtFlags ?? 0, copies).map((i) => tablesStart + i * tableSize),
    tableSize,
    root:
      wide === undefined ? { start: rootStart, size: rootSize } : { cluster: wide.BPB_RootClus },
  };
}

function listTables(extFlags: number, copies: number): readonly number[] {
  if ((extFlags & NOT_MIRRORED) === 0)
    return Array.from({ length: Math.min(copies, 2) }, (_, i) => i);
  const active = extFlags & ACTIVE_COPY;
  if (active < copies) return [active];
  throw wrong(`table ${active} in use`, `one of ${copies}`);
}

function wrong(seen: string, needed: string) {
  return damaged("the boot sector", seen, needed);
}
