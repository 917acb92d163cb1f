import { feedError } from "../feed-error.ts";

/** Numbers of one kind, by the names of their arrays. */
export type Column = Uint8Array | Uint32Array;
export type Columns = Readonly<Record<string, Column>>;

/** Every array begins at a multiple of this. */
const ALIGNMENT = 4;
const MAX_DIRECTORY_BYTES = 64 * 1024;

/** Arrays as bytes: the length of a directory, the directory (JSON: name, bytes of an item, items), the arrays. */
export function formatColumns(columns: Columns): Buffer {
  const directory = Buffer.from(
    JSON.stringify(
      Object.entries(columns).map(([name, { BYTES_PER_ELEMENT, length }]) => [
        name,
        BYTES_PER_ELEMENT,
        length,
      ]),
    ),
  );
  const head = Buffer.alloc(align(4 + directory.length), " ");
  head.writeUInt32LE(directory.length);
  directory.copy(head, 4);
  const parts = Object.values(columns).map(({ buffer, byteOffset, byteLength }) => {
    const part = Buffer.alloc(align(byteLength));
    Buffer.from(buffer, byteOffset, byteLength).copy(part);
    return part;
  });
  return Buffer.concat([head, ...parts]);
}

/** The arrays in `bytes`, not copied. Throws `feed/malformed` where they are not there whole. */
export function parseColumns(bytes: Uint8Array): Map<string, Column> {
  // Arrays of four bytes an item want to begin at a multiple of four.
  const aligned = bytes.byteOffset % ALIGNMENT === 0 ? bytes : Uint8Array.from(bytes);
  const { buffer, byteOffset, byteLength } = aligned;
  const directoryBytes = byteLength < 4 ? 0 : new DataView(buffer, byteOffset).getUint32(0, true);
  if (directoryBytes > Math.min(byteLength - 4, MAX_DIRECTORY_BYTES)) throw malformed("directory");
  const directory: unknown = JSON.parse(
    Buffer.from(buffer, byteOffset + 4, directoryBytes).toString(),
  );
  const columns = new Map<string, Column>();
  let at = align(4 + directoryBytes);
  for (const entry of Array.isArray(directory) ? directory : []) {
    const [name, itemBytes, items] = Array.isArray(entry) ? entry : [];
    const length = Number(items) * Number(itemBytes);
    if (!Number.isSafeInteger(length) || length < 0 || at + length > byteLength)
      throw malformed(name);
    const start = byteOffset + at;
    const column =
      itemBytes === 1
        ? new Uint8Array(buffer, start, Number(items))
        : new Uint32Array(buffer, start, Number(items));
    columns.set(String(name), column);
    at = align(at + length);
  }
  return columns;
}

const align = (bytes: number) => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;

function malformed(what: unknown) {
  return feedError("feed/malformed", "read a snapshot of advisories", {
    seen: `its ${String(what).slice(0, 100)} is not whole`,
    needed: "every array that its directory lists",
  });
}
