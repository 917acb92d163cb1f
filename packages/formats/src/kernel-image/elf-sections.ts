import { unreadable } from "./kernel-image-error.ts";

/** ELF gABI 4.1: Elf64_Ehdr and Elf64_Shdr. */
const EHDR = { shoff: 40, shentsize: 58, shnum: 60, shstrndx: 62, size: 64 } as const;
const SHDR = { name: 0, type: 4, addr: 16, offset: 24, length: 32, size: 64 } as const;
const IDENT_64_LITTLE = "7f454c460201";
const SHT_NOBITS = 8;
/** A kernel has some eighty. */
const MAX_SECTIONS = 4096;

/** A section of an ELF file that has bytes in it. */
export interface ElfSection {
  /** Where it is once loaded. */
  readonly address: bigint;
  /** Not copied. */
  readonly bytes: Buffer;
}

/** The sections of a 64-bit little-endian ELF file, by name; of two of a name the first. Throws `disk/unsupported`. */
export function parseElfSections(file: Buffer): ReadonlyMap<string, ElfSection> {
  if (file.length < EHDR.size || file.toString("hex", 0, 6) !== IDENT_64_LITTLE) {
    throw unreadable("another file", "a 64-bit ELF file");
  }
  const table = file.readBigUInt64LE(EHDR.shoff);
  const count = file.readUInt16LE(EHDR.shnum);
  const each = file.readUInt16LE(EHDR.shentsize);
  const within = table + BigInt(count * SHDR.size) <= BigInt(file.length);
  if (each !== SHDR.size || count > MAX_SECTIONS || !within) {
    throw unreadable(`${count} sections of ${each} bytes at ${table}`, "a table in the file");
  }
  const headers = Array.from({ length: count }, (_, i) => Number(table) + i * SHDR.size);
  const names = headers[file.readUInt16LE(EHDR.shstrndx)];
  const nameBytes = names === undefined ? undefined : contentsOf(file, names);
  const sections = new Map<string, ElfSection>();
  for (const at of headers) {
    const bytes = contentsOf(file, at);
    const start = file.readUInt32LE(at + SHDR.name);
    const end = nameBytes?.indexOf(0, start) ?? -1;
    if (bytes === undefined || nameBytes === undefined || end < 0) continue;
    const name = nameBytes.toString("latin1", start, end);
    if (sections.has(name)) continue;
    sections.set(name, { address: file.readBigUInt64LE(at + SHDR.addr), bytes });
  }
  return sections;
}

function contentsOf(file: Buffer, header: number): Buffer | undefined {
  if (file.readUInt32LE(header + SHDR.type) === SHT_NOBITS) return undefined;
  const offset = file.readBigUInt64LE(header + SHDR.offset);
  const length = file.readBigUInt64LE(header + SHDR.length);
  if (offset + length > BigInt(file.length)) return undefined;
  return file.subarray(Number(offset), Number(offset + length));
}
