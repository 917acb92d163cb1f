import { StructTable } from "../../struct-table.ts";
import { decodeShortText } from "./code-page-437.ts";

/** Microsoft, FAT specification (2005), 6: a directory entry, and 7: a part of a long name. */
const ENTRY = new StructTable("DIR_Entry", "little", 32, {
  DIR_Name: [0, 11],
  DIR_Attr: [11, "u8"],
  DIR_NTRes: [12, "u8"],
  DIR_FstClusHI: [20, "u16"],
  DIR_WrtTime: [22, "u16"],
  DIR_WrtDate: [24, "u16"],
  DIR_FstClusLO: [26, "u16"],
  DIR_FileSize: [28, "u32"],
});
const LONG_ENTRY = new StructTable("LDIR_Entry", "little", 32, {
  LDIR_Ord: [0, "u8"],
  LDIR_Name1: [1, 10],
  LDIR_Attr: [11, "u8"],
  LDIR_Chksum: [13, "u8"],
  LDIR_Name2: [14, 12],
  LDIR_Name3: [28, 4],
});

const END = 0x00;
const DELETED = 0xe5;
/** Stands for 0xe5 in a name that begins with it. */
const KANJI_E5 = 0x05;
export const FatAttribute = { readOnly: 0x01, volumeId: 0x08, directory: 0x10 } as const;
const LONG_NAME = 0x0f;
const LONG_NAME_MASK = 0x3f;
const LAST_LONG_ENTRY = 0x40;
/** 255 characters, 13 a part. */
const MAX_PARTS = 20;
/** `DIR_NTRes`: the name, or what is behind its dot, is in lower case (Linux, `CASE_LOWER_BASE`, `CASE_LOWER_EXT`). */
const LOWER = { base: 0x08, extension: 0x10 } as const;

/** A file as its directory has it; FAT has no inodes. */
export interface FatEntry {
  readonly name: string;
  readonly attributes: number;
  /** 0 where it has no contents. */
  readonly cluster: number;
  /** In bytes; of directories 0. */
  readonly size: number;
  /** In milliseconds since 1970; FAT keeps local time, which is taken for UTC. */
  readonly modifiedMs: number;
  /** Where the entry is in its directory, in bytes. */
  readonly at: number;
}

/** The parts of a long name that were seen, the last one first, and what they are bound to. */
interface LongName {
  readonly parts: string[];
  readonly checksum: number;
  /** Which part comes next; 0 when all are there. */
  awaited: number;
}

/** The entries of a directory and of the volume's label, in its order, without `.` and `..`. */
export function* walkFatDirectory(bytes: Buffer): Generator<FatEntry> {
  let long: LongName | undefined;
  for (let at = 0; at + ENTRY.size <= bytes.length; at += ENTRY.size) {
    const first = bytes[at];
    if (first === END) return;
    const raw = ENTRY.parse(bytes, at);
    if (first === DELETED) {
      long = undefined;
    } else if ((raw.DIR_Attr & LONG_NAME_MASK) === LONG_NAME) {
      long = addPart(long, bytes, at);
    } else {
      const name = longNameOf(long, raw.DIR_Name) ?? shortNameOf(raw.DIR_Name, raw.DIR_NTRes);
      long = undefined;
      if (name === "." || name === "..") continue;
      yield {
        name,
        attributes: raw.DIR_Attr,
        cluster: raw.DIR_FstClusHI * 0x1_0000 + raw.DIR_FstClusLO,
        size: raw.DIR_FileSize,
        modifiedMs: toMilliseconds(raw.DIR_WrtDate, raw.DIR_WrtTime),
        at,
      };
    }
  }
}

/** HOSTILE: parts that do not follow each other are of no name, as Linux has it (fs/fat/dir.c). */
function addPart(before: LongName | undefined, bytes: Buffer, at: number): LongName | undefined {
  const { LDIR_Ord: order, LDIR_Chksum: checksum, ...raw } = LONG_ENTRY.parse(bytes, at);
  const number = order & ~LAST_LONG_ENTRY;
  if (number === 0 || number > MAX_PARTS) return undefined;
  const text = [raw.LDIR_Name1, raw.LDIR_Name2, raw.LDIR_Name3]
    .map((piece) => Buffer.from(piece).toString("utf16le"))
    .join("");
  if ((order & LAST_LONG_ENTRY) !== 0) return { parts: [text], checksum, awaited: number - 1 };
  if (before?.awaited !== number || before.checksum !== checksum) return undefined;
  before.parts.push(text);
  before.awaited -= 1;
  return before;
}

/** A long name is of the short name after it whose checksum it has; else it was left behind. */
function longNameOf(long: LongName | undefined, short: Uint8Array): string | undefined {
  if (long === undefined || long.awaited !== 0) return undefined;
  const checksum = short.reduce((sum, byte) => (((sum & 1) << 7) + (sum >>> 1) + byte) & 0xff, 0);
  if (checksum !== long.checksum) return undefined;
  const name = long.parts.toReversed().join("").replace(/\0.*$/s, "");
  return name === "" ? undefined : name;
}

function shortNameOf(bytes: Uint8Array, flags: number): string {
  const raw = Buffer.from(bytes);
  if (raw[0] === KANJI_E5) raw[0] = DELETED;
  const part = (from: number, to: number, isLower: boolean) => {
    const text = decodeShortText(raw.subarray(from, to)).replace(/ +$/, "");
    return isLower ? text.toLowerCase() : text;
  };
  const base = part(0, 8, (flags & LOWER.base) !== 0);
  const extension = part(8, 11, (flags & LOWER.extension) !== 0);
  return extension === "" ? base : `${base}.${extension}`;
}

/** FAT specification, 6.2: years from 1980 on, months and days from 1 on; two seconds a step. */
function toMilliseconds(date: number, time: number): number {
  const [year, month, day] = [1980 + (date >>> 9), ((date >>> 5) & 0xf) - 1, date & 0x1f];
  return Date.UTC(year, month, day, time >>> 11, (time >>> 5) & 0x3f, (time & 0x1f) * 2);
}
