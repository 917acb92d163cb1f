import type { FileStat } from "@casemate/formats/disk";
import { diskOf } from "../../system.fixture.ts";
import type { VisitedFile } from "../../visitor.ts";

/** What a test's program is to be. */
export interface MadeElf {
  readonly bits: 32 | 64;
  readonly order: "little" | "big";
  /** Contents by name, in the file one after the other from `DATA_START` on, each at a multiple of 16 bytes. */
  readonly sections: Readonly<Record<string, Uint8Array>>;
  /** Without, as some packers leave programs, only the segment says where the data is. */
  readonly hasSections?: boolean;
}

const DATA_START = 0x1000;
/** Where the first section is once loaded. */
export const DATA_ADDRESS = 0x40_0000;
const SHT_PROGBITS = 1;
const SHT_STRTAB = 3;
const WRITABLE = 6;

/** A program of one segment, which all sections are in. */
export function makeElf({ bits, order, sections, hasSections = true }: MadeElf): Buffer {
  const isWide = bits === 64;
  const names = ["", ...Object.keys(sections), ".shstrtab"];
  const texts = Buffer.from(`${names.join("\0")}\0`);
  const parts = [...Object.values(sections), texts].map((bytes) => pad(bytes));
  const places: number[] = [];
  let end = DATA_START;
  for (const part of parts) {
    places.push(end);
    end += part.length;
  }
  const each = isWide ? 64 : 40;
  const elf = Buffer.concat([
    Buffer.alloc(DATA_START),
    ...parts,
    Buffer.alloc(names.length * each),
  ]);
  const put = writer(elf, order);
  const word = isWide ? put.u64 : put.u32;
  elf.write("\x7fELF", "latin1");
  elf.set([isWide ? 2 : 1, order === "little" ? 1 : 2, 1], 4);
  put.u16(16, 2); // ET_EXEC
  const header = isWide ? 64 : 52;
  word(isWide ? 32 : 28, header);
  if (hasSections) word(isWide ? 40 : 32, end);
  const counts = isWide ? 54 : 42;
  put.u16(counts, isWide ? 56 : 32);
  put.u16(counts + 2, 1);
  put.u16(counts + 4, each);
  put.u16(counts + 6, hasSections ? names.length : 0);
  put.u16(counts + 8, hasSections ? names.length - 1 : 0);
  put.u32(header, 1); // PT_LOAD
  put.u32(header + (isWide ? 4 : 24), WRITABLE);
  word(header + (isWide ? 8 : 4), DATA_START);
  word(header + (isWide ? 16 : 8), DATA_ADDRESS);
  word(header + (isWide ? 32 : 16), end - DATA_START);
  for (const [i, name] of names.entries()) {
    if (i === 0) continue;
    const at = end + i * each;
    const [part, place] = [Object.values(sections)[i - 1] ?? texts, places[i - 1] ?? 0];
    put.u32(at, texts.indexOf(`${name}\0`));
    put.u32(at + 4, i === names.length - 1 ? SHT_STRTAB : SHT_PROGBITS);
    word(at + (isWide ? 24 : 16), place);
    word(at + (isWide ? 32 : 20), part.length);
  }
  return elf;
}

function writer(bytes: Buffer, order: "little" | "big") {
  const isBig = order === "big";
  return {
    u16: (at: number, value: number) =>
      isBig ? bytes.writeUInt16BE(value, at) : bytes.writeUInt16LE(value, at),
    u32: (at: number, value: number) =>
      isBig ? bytes.writeUInt32BE(value, at) : bytes.writeUInt32LE(value, at),
    u64: (at: number, value: number) =>
      isBig ? bytes.writeBigUInt64BE(BigInt(value), at) : bytes.writeBigUInt64LE(BigInt(value), at),
  };
}

function pad(bytes: Uint8Array): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(-bytes.length & 15)]);
}

/** What Go writes into programs since 1.18: the toolchain and the lines of modules. */
export function makeInlineBuildInfo(toolchain: string, modules: string): Buffer {
  const header = Buffer.alloc(32);
  header.write("\xff Go buildinf:", "latin1");
  header.set([8, 2], 14);
  return Buffer.concat([header, ...[Buffer.from(toolchain), mark(modules)].flatMap(withLength)]);
}

/** What it wrote before: addresses of strings; the whole is loaded at `DATA_ADDRESS`. */
export function makePointedBuildInfo(
  toolchain: string,
  modules: string,
  { bits, order }: Pick<MadeElf, "bits" | "order">,
): Buffer {
  const size = bits / 8;
  const info = Buffer.alloc(32 + 4 * size);
  info.write("\xff Go buildinf:", "latin1");
  info.set([size, order === "big" ? 1 : 0], 14);
  const word = writer(info, order)[bits === 64 ? "u64" : "u32"];
  let end = info.length;
  const texts = [Buffer.from(toolchain), mark(modules)];
  for (const [i, text] of texts.entries()) {
    const string = 32 + i * 2 * size;
    word(16 + i * size, DATA_ADDRESS + string);
    word(string, DATA_ADDRESS + end);
    word(string + size, text.length);
    end += text.length;
  }
  return Buffer.concat([info, ...texts]);
}

const mark = (modules: string): Buffer =>
  modules === ""
    ? Buffer.alloc(0)
    : Buffer.concat([Buffer.alloc(16, 0xf1), Buffer.from(modules), Buffer.alloc(16, 0xf2)]);

function withLength(text: Buffer): readonly Buffer[] {
  const length: number[] = [];
  let left = text.length;
  for (; left > 127; left >>>= 7) length.push((left & 127) | 128);
  return [Buffer.from([...length, left]), text];
}

/** Bytes as a file of the walk. */
export function visitedFile(path: string, bytes: Buffer): VisitedFile {
  const stat: FileStat = {
    ...{ inode: 12, type: "file", mode: 0o755, uid: 0, gid: 0, size: bytes.length, links: 1 },
    ...{ modifiedMs: 0, changedMs: 0, encrypted: false },
  };
  const contents = diskOf(bytes);
  return {
    path,
    stat,
    contents: () => contents,
    head: (length) => bytes.subarray(0, length),
    target: () => "",
  };
}
