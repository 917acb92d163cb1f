import { unreadable } from "./kernel-image-error.ts";

/** ELF gABI 4.1 and 5.0: Elf64_Ehdr, Elf64_Shdr, Elf64_Sym and Elf64_Rela. */
const EHDR = { type: 16, machine: 18, shoff: 40, shentsize: 58, shnum: 60, shstrndx: 62, size: 64 };
const SHDR = {
  name: 0,
  type: 4,
  flags: 8,
  offset: 24,
  length: 32,
  link: 40,
  info: 44,
  align: 48,
  size: 64,
};
const SYM = { name: 0, section: 6, value: 8, size: 24 };
const RELA = { offset: 0, type: 8, symbol: 12, addend: 16, size: 24 };
const IDENT_64_LITTLE = "7f454c460201";
const ET_REL = 1;
const EM_X86_64 = 62;
const SHT_SYMTAB = 2;
const SHT_RELA = 4;
const SHT_NOBITS = 8;
/** Modules built with a section for each function have some thousands. */
const MAX_SECTIONS = 65_000;

/** `SHF_ALLOC` and `SHF_EXECINSTR`. */
export const SECTION_LOADED = 0x2;
export const SECTION_EXECUTED = 0x4;

/** A section of an object file. */
export interface RelocatableSection {
  readonly name: string;
  readonly flags: number;
  readonly size: number;
  /** In bytes, a power of two. */
  readonly align: number;
  /** Not copied; empty where it is all zeros. */
  readonly bytes: Buffer;
}

/** What a relocation is about. */
export interface RelocatableSymbol {
  /** Empty for a section. */
  readonly name: string;
  /** Number of the section it is in; 0 for one of another file, above 0xff00 for no section. */
  readonly section: number;
  /** From the start of the section. */
  readonly value: number;
}

/** A place that depends on where things are loaded. */
export interface Relocation {
  /** From the start of the section that is changed. */
  readonly offset: number;
  /** `R_X86_64_*`. */
  readonly type: number;
  /** Number of the symbol. */
  readonly symbol: number;
  readonly addend: number;
}

/** An object file: a kernel module before it is loaded. */
export interface RelocatableFile {
  readonly sections: readonly RelocatableSection[];
  /** Throws `disk/unsupported` where there is none of that number. */
  symbol(index: number): RelocatableSymbol;
  /** Places to change in section `index`. */
  relocations(index: number): Generator<Relocation>;
}

/**
 * Reads a 64-bit object file for x86-64: `NAME.ko`. HOSTILE: whoever could write the disk.
 *
 * Throws `disk/unsupported`.
 */
export function parseRelocatable(file: Buffer): RelocatableFile {
  const isObject =
    file.length >= EHDR.size &&
    file.toString("hex", 0, 6) === IDENT_64_LITTLE &&
    file.readUInt16LE(EHDR.type) === ET_REL &&
    file.readUInt16LE(EHDR.machine) === EM_X86_64;
  if (!isObject) throw unreadable("another file", "an object file for x86-64");
  const table = file.readBigUInt64LE(EHDR.shoff);
  const count = file.readUInt16LE(EHDR.shnum);
  const each = file.readUInt16LE(EHDR.shentsize);
  const within = table + BigInt(count * SHDR.size) <= BigInt(file.length);
  if (each !== SHDR.size || count > MAX_SECTIONS || !within) {
    throw unreadable(`${count} sections of ${each} bytes at ${table}`, "a table in the file");
  }
  const headers = Array.from({ length: count }, (_, i) => Number(table) + i * SHDR.size);
  const contents = headers.map((at) => contentsOf(file, at));
  const names = contents[file.readUInt16LE(EHDR.shstrndx)] ?? Buffer.alloc(0);
  const sections = headers.map((at, i): RelocatableSection => {
    const size = file.readBigUInt64LE(at + SHDR.length);
    const align = file.readBigUInt64LE(at + SHDR.align);
    if (size > 2n ** 31n || align > 2n ** 21n || (align & (align - 1n)) !== 0n) {
      throw unreadable(`a section of ${size} bytes aligned to ${align}`, "one of a module");
    }
    return {
      name: stringAt(names, file.readUInt32LE(at + SHDR.name)),
      flags: file.readUInt32LE(at + SHDR.flags),
      size: Number(size),
      align: Math.max(Number(align), 1),
      bytes: contents[i] ?? Buffer.alloc(0),
    };
  });
  const typeOf = (at: number) => file.readUInt32LE(at + SHDR.type);
  const symtab = headers.findIndex((at) => typeOf(at) === SHT_SYMTAB);
  const symbols = contents[symtab] ?? Buffer.alloc(0);
  const link =
    headers[symtab] === undefined ? 0 : file.readUInt32LE((headers[symtab] ?? 0) + SHDR.link);
  const strings = contents[link] ?? Buffer.alloc(0);
  // Many relocations are about one symbol: each is read once.
  const known = new Map<number, RelocatableSymbol>();
  return {
    sections,
    symbol(index) {
      const before = known.get(index);
      if (before !== undefined) return before;
      const at = index * SYM.size;
      if (at + SYM.size > symbols.length) throw unreadable(`symbol ${index}`, "one of the table");
      const symbol = {
        name: stringAt(strings, symbols.readUInt32LE(at + SYM.name)),
        section: symbols.readUInt16LE(at + SYM.section),
        value: Number(symbols.readBigUInt64LE(at + SYM.value)),
      };
      known.set(index, symbol);
      return symbol;
    },
    *relocations(index) {
      for (const [i, at] of headers.entries()) {
        if (typeOf(at) !== SHT_RELA || file.readUInt32LE(at + SHDR.info) !== index) continue;
        const rela = contents[i] ?? Buffer.alloc(0);
        const view = new DataView(rela.buffer, rela.byteOffset, rela.length);
        for (let from = 0; from + RELA.size <= rela.length; from += RELA.size) {
          yield {
            offset: wideAt(view, from + RELA.offset),
            type: view.getUint32(from + RELA.type, true),
            symbol: view.getUint32(from + RELA.symbol, true),
            addend: wideAt(view, from + RELA.addend),
          };
        }
      }
    },
  };
}

function contentsOf(file: Buffer, header: number): Buffer {
  if (file.readUInt32LE(header + SHDR.type) === SHT_NOBITS) return Buffer.alloc(0);
  const offset = file.readBigUInt64LE(header + SHDR.offset);
  const length = file.readBigUInt64LE(header + SHDR.length);
  if (offset + length > BigInt(file.length)) {
    throw unreadable(`a section of ${length} bytes at ${offset}`, `one within ${file.length}`);
  }
  return file.subarray(Number(offset), Number(offset + length));
}

function stringAt(strings: Buffer, start: number): string {
  const end = strings.indexOf(0, start);
  return end < 0 ? "" : strings.toString("latin1", start, end);
}

/** A signed number of 64 bits, exact up to 2^53: a big integer for each relocation would take most of the time. */
function wideAt(view: DataView, at: number): number {
  return view.getInt32(at + 4, true) * 2 ** 32 + view.getUint32(at, true);
}
