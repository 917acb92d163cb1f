import { malformedPackage } from "./package-error.ts";
import { isPlainName } from "./plain-name.ts";
import { parseTarHeader, TAR_BLOCK_BYTES, type TarHeader } from "./tar-header.ts";

/** Files of a package: a descriptor, a manifest, a certificate, disks and some texts. */
const maxEntries = 1024;
/** Bytes of an extended header or of a long name. */
const maxExtension = 64 * 1024;

/** Exactly `length` bytes of the archive from byte `offset` on. */
export type ReadPiece = (offset: number, length: number) => Promise<Uint8Array>;

/** A file in an archive. */
export interface TarEntry {
  readonly name: string;
  /** Of its first byte in the archive; a multiple of 512, and zeros fill it up to one. */
  readonly offset: number;
  /** In bytes. */
  readonly size: number;
}

/** What an extended header, or GNU's long name, says about the next entry. */
interface Extension {
  readonly name?: string;
  readonly size?: number;
}

/**
 * The files of a flat tar archive (ustar, pax or GNU's) of `size` bytes, in its order: their headers alone
 * are read.
 *
 * HOSTILE: the archive's author wrote all of it. Throws `package/malformed` for what leads out of the
 * archive or of a directory, twice the same name, links and devices.
 */
export async function readTar(read: ReadPiece, size: number): Promise<readonly TarEntry[]> {
  const entries = new Map<string, TarEntry>();
  let extension: Extension = {};
  let headers = 0;
  for (let at = 0; ; ) {
    if (at + TAR_BLOCK_BYTES > size) {
      throw malformedPackage("it ends without an end mark", "a whole tar archive");
    }
    const header = parseTarHeader(await read(at, TAR_BLOCK_BYTES));
    if (header === undefined) return [...entries.values()];
    headers += 1;
    if (headers > maxEntries) {
      throw malformedPackage("its entries do not end", `at most ${maxEntries}`);
    }
    const offset = at + TAR_BLOCK_BYTES;
    const length = extensionOf(header) ? header.size : (extension.size ?? header.size);
    at = offset + Math.ceil(length / TAR_BLOCK_BYTES) * TAR_BLOCK_BYTES;
    if (at > size) {
      throw malformedPackage(`a file in it has ${length} bytes`, "all of them to be there");
    }
    if (extensionOf(header)) {
      extension = { ...extension, ...(await readExtension(read, header, offset)) };
      continue;
    }
    const name = (extension.name ?? header.name).replace(/^(?:\.\/+)+/, "");
    extension = {};
    // `tar -c .` begins with the directory itself.
    if (header.typeflag === "5" && (name === "" || name === ".") && length === 0) continue;
    // "7" was for files in one piece, which all are.
    if (header.typeflag !== "0" && header.typeflag !== "7") {
      throw malformedPackage(`it holds an entry of type ${quoted(header.typeflag)}`, "files alone");
    }
    if (!isPlainName(name)) {
      throw malformedPackage(`it holds a file ${quoted(name)}`, "names without directories");
    }
    if (entries.has(name)) {
      throw malformedPackage(`it holds ${quoted(name)} twice`, "each file once");
    }
    entries.set(name, { name, offset, size: length });
  }
}

/** Whether an entry is about others: pax's `x` and `g`, GNU's `L`. */
function extensionOf({ typeflag }: TarHeader): boolean {
  return typeflag === "x" || typeflag === "g" || typeflag === "L";
}

async function readExtension(
  read: ReadPiece,
  { typeflag, size }: TarHeader,
  offset: number,
): Promise<Extension> {
  if (size > maxExtension) {
    throw malformedPackage(`an extended header has ${size} bytes`, `at most ${maxExtension}`);
  }
  const bytes = Buffer.from(await read(offset, size));
  if (typeflag === "L") return { name: bytes.toString("utf8").replace(/\0.*$/s, "") };
  const records = parsePax(bytes);
  const name = records.get("path");
  const stated = records.get("size");
  if (typeflag === "g") {
    if (name === undefined && stated === undefined) return {};
    throw malformedPackage("a global header names or sizes all files", "one that does not");
  }
  if (stated !== undefined && !/^\d{1,15}$/.test(stated)) {
    throw malformedPackage(`an extended header's size is ${quoted(stated)}`, "a number");
  }
  return {
    ...(name === undefined ? {} : { name }),
    ...(stated === undefined ? {} : { size: Number(stated) }),
  };
}

/** `LENGTH KEY=VALUE\n` again and again; the length counts the record itself. */
function parsePax(bytes: Buffer): ReadonlyMap<string, string> {
  const records = new Map<string, string>();
  for (let at = 0; at < bytes.length; ) {
    const digits = /^\d{1,6}(?= )/.exec(bytes.toString("latin1", at, at + 7))?.[0] ?? "";
    const end = at + Number(digits);
    const [, key, value] =
      /^([^=]+)=(.*)\n$/s.exec(bytes.toString("utf8", at + digits.length + 1, end)) ?? [];
    if (digits === "" || end > bytes.length || key === undefined || value === undefined) {
      throw malformedPackage("an extended header is broken", "records of pax");
    }
    records.set(key, value);
    at = end;
  }
  return records;
}

function quoted(text: string): string {
  return JSON.stringify(text.slice(0, 100));
}
