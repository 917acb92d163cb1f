import { malformedPackage } from "./package-error.ts";

/** POSIX.1-2001, pax: "ustar Interchange Format"; all fields are text but for the size's base-256 form. */
export const TAR_BLOCK_BYTES = 512;

const layout = {
  name: [0, 100],
  mode: [100, 8],
  uid: [108, 8],
  gid: [116, 8],
  size: [124, 12],
  mtime: [136, 12],
  checksum: [148, 8],
  typeflag: [156, 1],
  magic: [257, 6],
  version: [263, 2],
  devmajor: [329, 8],
  devminor: [337, 8],
  prefix: [345, 155],
} as const;

type Field = keyof typeof layout;

const POSIX_MAGIC = "ustar\0";
const GNU_MAGIC = "ustar ";

/** What eleven octal digits cannot say, GNU tar and all that read OVA say in base 256. */
const OCTAL_SIZES = 8 ** 11;
const BASE_256 = 0x80;

export interface TarHeader {
  readonly name: string;
  readonly size: number;
  /** `0` for a file, `5` for a directory, `x` and `L` for what is about the next one. */
  readonly typeflag: string;
}

/** A file's header block: root's, readable, of no time, so that equal packages are equal bytes. */
export function formatTarHeader(name: string, size: number): Uint8Array {
  if (Buffer.byteLength(name) > layout.name[1]) {
    throw new RangeError(`A name in the package has at most ${layout.name[1]} bytes.`);
  }
  const block = Buffer.alloc(TAR_BLOCK_BYTES);
  const put = (field: Field, text: string): void => void block.write(text, layout[field][0]);
  const octal = (field: Field, value: number): void =>
    put(field, value.toString(8).padStart(layout[field][1] - 1, "0"));
  put("name", name);
  octal("mode", 0o644);
  for (const field of ["uid", "gid", "mtime", "devmajor", "devminor"] as const) octal(field, 0); // literals
  if (size < OCTAL_SIZES) octal("size", size);
  else {
    block[layout.size[0]] = BASE_256;
    block.writeBigUInt64BE(BigInt(size), layout.size[0] + 4);
  }
  put("typeflag", "0");
  put("magic", POSIX_MAGIC);
  put("version", "00");
  put("checksum", `${sumOf(block).toString(8).padStart(6, "0")}\0 `);
  return block;
}

/**
 * A header block; undefined for the zeros that end an archive.
 *
 * HOSTILE: the archive's author wrote it. Throws `package/malformed`.
 */
export function parseTarHeader(bytes: Uint8Array): TarHeader | undefined {
  if (bytes.length !== TAR_BLOCK_BYTES) {
    throw malformedPackage(`a header has ${bytes.length} bytes`, String(TAR_BLOCK_BYTES));
  }
  const block = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (block.every((byte) => byte === 0)) return undefined;
  const stated = parseOctal(block, "checksum");
  const sum = sumOf(block);
  if (stated !== sum) {
    throw malformedPackage(`a header's checksum is ${stated}`, `${sum}, as its bytes add up`);
  }
  const magic = textOf(block, "magic", "latin1");
  const isPosix = magic === "ustar";
  if (!isPosix && magic !== GNU_MAGIC) {
    throw malformedPackage("a header has another magic", "a ustar archive");
  }
  const name = textOf(block, "name");
  // GNU's own format keeps times there.
  const prefix = isPosix ? textOf(block, "prefix") : "";
  const typeflag = textOf(block, "typeflag", "latin1");
  return {
    name: prefix === "" ? name : `${prefix}/${name}`,
    size: parseSize(block),
    typeflag: typeflag === "" ? "0" : typeflag,
  };
}

function parseSize(block: Buffer): number {
  const [at, length] = layout.size;
  const first = block[at] ?? 0;
  if ((first & BASE_256) === 0) return parseOctal(block, "size");
  const rest = block.toString("hex", at + 1, at + length);
  const size = BigInt(`0x${rest}`);
  if (first !== BASE_256 || size > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw malformedPackage("a file's size is past all bounds", "what can be there");
  }
  return Number(size);
}

function parseOctal(block: Buffer, field: Field): number {
  const text = textOf(block, field, "latin1").trim();
  if (/^[0-7]{1,12}$/.test(text)) return Number.parseInt(text, 8);
  throw malformedPackage(`a header's ${field} is no octal number`, "one");
}

/** A field up to its NUL, or whole. */
function textOf(block: Buffer, field: Field, encoding: "utf8" | "latin1" = "utf8"): string {
  const [at, length] = layout[field];
  const bytes = block.subarray(at, at + length);
  const end = bytes.indexOf(0);
  return bytes.toString(encoding, 0, end === -1 ? length : end);
}

/** The sum of all bytes, with the checksum itself as spaces. */
function sumOf(block: Buffer): number {
  const [at, length] = layout.checksum;
  let sum = length * 0x20;
  for (const [index, byte] of block.entries()) {
    if (index < at || index >= at + length) sum += byte;
  }
  return sum;
}
