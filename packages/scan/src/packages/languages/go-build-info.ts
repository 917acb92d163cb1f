import { CasemateError, KiB, MiB } from "@casemate/core";
import type { ElfFile, FileRange } from "./elf-file.ts";
import { damaged } from "./language-error.ts";

/** What Go's linker writes into each program. HOSTILE: whoever made the program says it. */
export interface GoBuildInfo {
  /** `go1.22.5`, with what else the toolchain says of itself after a space. */
  readonly toolchain: string;
  /** Lines as `go version -m` prints them; empty where the program was built without modules. */
  readonly modules: string;
}

/** Go 1.24, debug/buildinfo and cmd/link/internal/ld, data.go, `buildinfo`: at a multiple of 16 bytes. */
const MAGIC = Buffer.from("\xff Go buildinf:", "latin1");
const ALIGNMENT = 16;
const HEADER_BYTES = 32;
const POINTER_SIZE = 14;
const FLAGS = 15;
const FLAG_BIG_ENDIAN = 1;
/** Since Go 1.18: texts themselves follow, not addresses of them. */
const FLAG_INLINE = 2;
/** cmd/go/internal/modload, build.go, `ModInfoData`: bytes before and after the lines, for finding them. */
const MARK_BYTES = 16;
const NEWLINE = 0x0a;

/** Where it is looked for; the linker puts it at the start. */
const MAX_SEARCHED = 64 * KiB;
/** HOSTILE: the largest programs have 30 KiB. */
const MAX_TEXT = MiB;

/** The build information of a program that Go made; `undefined` for others. Throws `scan/*`, `disk/*`. */
export function readGoBuildInfo(
  elf: ElfFile,
  section: FileRange | undefined,
): GoBuildInfo | undefined {
  for (const place of section === undefined ? withoutSections(elf) : [section]) {
    const within = findMagic(elf, place);
    if (within === undefined) continue;
    const start = { offset: place.offset + within, length: place.length - within };
    const header = elf.read({ ...start, length: HEADER_BYTES }, "build information");
    const isInline = (header.readUInt8(FLAGS) & FLAG_INLINE) !== 0;
    const [toolchain, modules] = isInline ? readInline(elf, start) : readPointed(elf, header);
    if (toolchain.length > 0) {
      return { toolchain: toolchain.toString("utf8"), modules: withoutMarks(modules) };
    }
    const needed = "them in the file";
    throw new CasemateError(
      "scan/unsupported",
      `Cannot read ${elf.path}: Go's version and modules are put in place as it starts, expected ${needed}.`,
    );
  }
  if (section === undefined) return undefined;
  throw damaged(elf.path, "a section for Go's build information without any", "it there");
}

/** Go's programs have a section for it, unless all sections were taken away. */
const withoutSections = (elf: ElfFile): readonly FileRange[] =>
  elf.hasSections ? [] : elf.writableData();

function findMagic(elf: ElfFile, { offset, length }: FileRange): number | undefined {
  const searched = elf.read({ offset, length: Math.min(length, MAX_SEARCHED) }, "data");
  let at = searched.indexOf(MAGIC);
  while (at >= 0 && (at % ALIGNMENT !== 0 || at + HEADER_BYTES > length)) {
    at = searched.indexOf(MAGIC, at + 1);
  }
  return at < 0 ? undefined : at;
}

/** The toolchain and the modules. */
type Texts = readonly [toolchain: Buffer, modules: Buffer];

/** Each text after its length, which has seven bits a byte (encoding/binary, `Uvarint`). */
function readInline(elf: ElfFile, { offset, length }: FileRange): Texts {
  const most = HEADER_BYTES + 2 * MAX_TEXT;
  const bytes = elf.read({ offset, length: Math.min(length, most) }, "build information");
  let at = HEADER_BYTES;
  const next = () => {
    let count = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at];
      if (byte === undefined || shift > 28) throw endless(elf);
      at += 1;
      count += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) break;
    }
    if (count > MAX_TEXT || at + count > bytes.length) throw endless(elf);
    at += count;
    return bytes.subarray(at - count, at);
  };
  return [next(), next()];
}

/** Before Go 1.18: addresses of two strings of Go, each the address of its bytes and how many they are. */
function readPointed(elf: ElfFile, header: Buffer): Texts {
  const size = header.readUInt8(POINTER_SIZE);
  if (size !== 4 && size !== 8) throw damaged(elf.path, `pointers of ${size} bytes`, "4 or 8");
  const isBig = (header.readUInt8(FLAGS) & FLAG_BIG_ENDIAN) !== 0;
  const word = (bytes: Buffer, at: number) => {
    if (size === 4) return isBig ? bytes.readUInt32BE(at) : bytes.readUInt32LE(at);
    return Number(isBig ? bytes.readBigUInt64BE(at) : bytes.readBigUInt64LE(at));
  };
  const text = (address: number) => {
    const place = elf.rangeAt(address, 2 * size);
    if (place === undefined) return NOTHING;
    const string = elf.read(place, "a string");
    const length = word(string, size);
    if (length > MAX_TEXT) throw endless(elf);
    const range = elf.rangeAt(word(string, 0), length);
    return range === undefined ? NOTHING : elf.read(range, "a string");
  };
  return [text(word(header, HEADER_BYTES / 2)), text(word(header, HEADER_BYTES / 2 + size))];
}

const NOTHING = Buffer.alloc(0);

function withoutMarks(modules: Buffer): string {
  const end = modules.length - MARK_BYTES;
  const isMarked = end > MARK_BYTES && modules[end - 1] === NEWLINE;
  return isMarked ? modules.toString("utf8", MARK_BYTES, end) : "";
}

const endless = (elf: ElfFile) =>
  damaged(elf.path, "build information beyond its end", `texts of ${MAX_TEXT} bytes at most`);
