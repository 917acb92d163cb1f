import { KiB } from "@casemate/core";
import { type BlockReader, readBytes } from "@casemate/formats/disk";
import type { VisitedFile } from "../../visitor.ts";
import { damaged } from "./language-error.ts";

/** ELF gABI 4.1, "ELF Header", "Section Header" and "Program Header": byte offsets of fields. */
const LAYOUT_32 = {
  ehdr: { phoff: 28, shoff: 32, phentsize: 42, phnum: 44, shentsize: 46, shnum: 48, shstrndx: 50 },
  shdr: { name: 0, type: 4, offset: 16, size: 20, bytes: 40 },
  phdr: { type: 0, flags: 24, offset: 4, vaddr: 8, filesz: 16, bytes: 32 },
} as const;
const LAYOUT_64 = {
  ehdr: { phoff: 32, shoff: 40, phentsize: 54, phnum: 56, shentsize: 58, shnum: 60, shstrndx: 62 },
  shdr: { name: 0, type: 4, offset: 24, size: 32, bytes: 64 },
  phdr: { type: 0, flags: 4, offset: 8, vaddr: 16, filesz: 32, bytes: 56 },
} as const;
type Layout = typeof LAYOUT_32 | typeof LAYOUT_64;

const MAGIC = 0x7f45_4c46; // "\x7fELF"
const EI_CLASS = 4;
const EI_DATA = 5;
const E_TYPE = 16;
const ELFCLASS64 = 2;
const ELFDATA2MSB = 2;
/** Programs and shared libraries; not what is still to be linked, and no memory of a process. */
const ET_EXEC = 2;
const ET_DYN = 3;
const SHT_NOBITS = 8;
const PT_LOAD = 1;
const PF_X = 1;
const PF_W = 2;

const HEADER_BYTES = 64;
/** HOSTILE: programs have some forty sections and a dozen segments. */
const MAX_HEADERS = 2_048;
const MAX_NAMES = 64 * KiB;
/** Linkers put the names of sections just before the table of sections: both are read at once. */
const NAMES_BEFORE = 512;

/** Bytes of a file. HOSTILE: they may be anywhere; `readBytes` says whether they are in it. */
export interface FileRange {
  readonly offset: number;
  readonly length: number;
}

interface Segment extends FileRange {
  readonly address: number;
  readonly isWritableData: boolean;
}

/**
 * A program or a shared library: where its sections and its segments are, read when asked for.
 *
 * HOSTILE: its headers may point anywhere. Throws `scan/damaged`, `disk/*`.
 */
export class ElfFile {
  readonly path: string;
  readonly contents: BlockReader;
  readonly #header: Buffer;
  readonly #layout: Layout;
  readonly #isBig: boolean;

  private constructor(file: VisitedFile, header: Buffer) {
    this.path = file.path;
    this.contents = file.contents();
    this.#header = header;
    this.#layout = header[EI_CLASS] === ELFCLASS64 ? LAYOUT_64 : LAYOUT_32;
    this.#isBig = header[EI_DATA] === ELFDATA2MSB;
  }

  /** `undefined` where it is another kind of file. */
  static open(file: VisitedFile): ElfFile | undefined {
    const header = file.head(HEADER_BYTES);
    if (header.length < HEADER_BYTES || header.readUInt32BE(0) !== MAGIC) return undefined;
    const elf = new ElfFile(file, header);
    const type = elf.#u16(header, E_TYPE);
    return type === ET_EXEC || type === ET_DYN ? elf : undefined;
  }

  /** Whether it has sections at all: `strip` leaves them, some packers do not. */
  get hasSections(): boolean {
    const { shoff, shnum } = this.#layout.ehdr;
    return this.#word(this.#header, shoff) !== 0 && this.#u16(this.#header, shnum) !== 0;
  }

  /** Where sections of these names are in the file; of two of a name the first. */
  findSections<Name extends string>(names: readonly Name[]): ReadonlyMap<Name, FileRange> {
    const found = new Map<Name, FileRange>();
    if (!this.hasSections) return found;
    const { ehdr, shdr } = this.#layout;
    const place = this.#tableRange(ehdr.shoff, ehdr.shentsize, ehdr.shnum, shdr.bytes);
    const isWithin = place.offset + place.length <= this.contents.size;
    const before = isWithin ? Math.min(place.offset, NAMES_BEFORE) : 0;
    const start = place.offset - before;
    const bytes = this.read({ offset: start, length: before + place.length }, "headers");
    const table = bytes.subarray(before);
    const texts = this.#sectionNames(table, { start, bytes });
    const wanted = names.filter((name) => texts.includes(name, 0, "latin1"));
    if (wanted.length === 0) return found;
    for (let at = 0; at < table.length; at += shdr.bytes) {
      if (this.#u32(table, at + shdr.type) === SHT_NOBITS) continue;
      const nameAt = this.#u32(table, at + shdr.name);
      const name = wanted.find(
        (each) => texts.toString("latin1", nameAt, nameAt + each.length + 1) === `${each}\0`,
      );
      if (name !== undefined && !found.has(name)) found.set(name, this.#range(table, at, shdr));
    }
    return found;
  }

  /** The data that the program may write to, as far as it is in the file, in the order of its segments. */
  writableData(): readonly FileRange[] {
    return this.#segments().filter(({ isWritableData }) => isWritableData);
  }

  /** Up to `length` bytes of what is loaded at `address`; `undefined` where none of the file is. */
  rangeAt(address: number, length: number): FileRange | undefined {
    for (const segment of this.#segments()) {
      const within = address - segment.address;
      if (within >= 0 && within + length <= segment.length) {
        return { offset: segment.offset + within, length };
      }
    }
    return undefined;
  }

  /** Throws `disk/truncated` where the file ends before. The caller has bounded its length. */
  read({ offset, length }: FileRange, what: string): Buffer {
    return readBytes(this.contents, offset, length, `${what} of ${this.path}`);
  }

  #segments(): readonly Segment[] {
    const { ehdr, phdr } = this.#layout;
    const place = this.#tableRange(ehdr.phoff, ehdr.phentsize, ehdr.phnum, phdr.bytes);
    const table = this.read(place, "headers");
    const segments: Segment[] = [];
    for (let at = 0; at < table.length; at += phdr.bytes) {
      if (this.#u32(table, at + phdr.type) !== PT_LOAD) continue;
      const flags = this.#u32(table, at + phdr.flags);
      segments.push({
        address: this.#word(table, at + phdr.vaddr),
        offset: this.#word(table, at + phdr.offset),
        length: this.#word(table, at + phdr.filesz),
        isWritableData: (flags & (PF_X | PF_W)) === PF_W,
      });
    }
    return segments;
  }

  /** @param read what was read of the file already, from byte `start` on */
  #sectionNames(table: Buffer, read: { readonly start: number; readonly bytes: Buffer }): Buffer {
    const { ehdr, shdr } = this.#layout;
    const entry = this.#u16(this.#header, ehdr.shstrndx) * shdr.bytes;
    if (entry >= table.length) {
      throw damaged(this.path, "no names of its sections", "a table of them");
    }
    const range = this.#range(table, entry, shdr);
    if (range.length > MAX_NAMES) {
      throw damaged(this.path, `${range.length} bytes of names`, `${MAX_NAMES} at most`);
    }
    const at = range.offset - read.start;
    const isRead = at >= 0 && at + range.length <= read.bytes.length;
    return isRead ? read.bytes.subarray(at, at + range.length) : this.read(range, "section names");
  }

  #range(table: Buffer, at: number, { offset, size }: Layout["shdr"]): FileRange {
    return { offset: this.#word(table, at + offset), length: this.#word(table, at + size) };
  }

  /** Where a table of headers is; its offset may be anything. */
  #tableRange(offsetAt: number, eachAt: number, countAt: number, bytes: number): FileRange {
    const offset = this.#word(this.#header, offsetAt);
    const each = this.#u16(this.#header, eachAt);
    const count = this.#u16(this.#header, countAt);
    if (count === 0) return { offset: 0, length: 0 };
    if (each !== bytes || count > MAX_HEADERS) {
      const needed = `${MAX_HEADERS} of ${bytes} bytes at most`;
      throw damaged(this.path, `${count} headers of ${each} bytes`, needed);
    }
    return { offset, length: count * bytes };
  }

  #u16(bytes: Buffer, at: number): number {
    return this.#isBig ? bytes.readUInt16BE(at) : bytes.readUInt16LE(at);
  }

  #u32(bytes: Buffer, at: number): number {
    return this.#isBig ? bytes.readUInt32BE(at) : bytes.readUInt32LE(at);
  }

  /** An address or an offset, of 4 or of 8 bytes. Those beyond 2^53 lose digits: nothing in a file is there. */
  #word(bytes: Buffer, at: number): number {
    if (this.#layout === LAYOUT_32) return this.#u32(bytes, at);
    return Number(this.#isBig ? bytes.readBigUInt64BE(at) : bytes.readBigUInt64LE(at));
  }
}
