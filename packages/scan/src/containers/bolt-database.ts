import { CasemateError, GiB, MiB } from "@casemate/core";
import { type BlockReader, readBytes } from "@casemate/formats/disk";

/** A key of a bucket: what it stands for, or the bucket in it. */
export type BoltItem =
  | { readonly key: string; readonly value: Buffer; readonly bucket?: undefined }
  | { readonly key: string; readonly bucket: BoltBucket; readonly value?: undefined };

/** A bucket: keys in their order. */
export interface BoltBucket {
  items(): Iterable<BoltItem>;
  /** The bucket in it by that key. */
  bucket(key: string): BoltBucket | undefined;
  /** The value in it by that key. */
  value(key: string): Buffer | undefined;
}

/** go.etcd.io/bbolt 1.3, page.go and db.go. */
const PAGE_HEADER_BYTES = 16;
const ELEMENT_BYTES = 16;
const META = { magic: 0, version: 4, pageSize: 8, root: 16, txid: 48, checksum: 56 } as const;
const META_BYTES = 64;
const MAGIC = 0xed0c_daed;
const VERSION = 2;
const FLAG = { branch: 0x01, leaf: 0x02, meta: 0x04 } as const;
const BUCKET_LEAF = 0x01;
const BUCKET_HEADER_BYTES = 16;

const MAX_PAGE_BYTES = 16 * MiB;
/** HOSTILE: trees are a few pages deep, and no page is read without end. */
const MAX_DEPTH = 32;
const MAX_READ = GiB;
const MAX_NESTED = 16;

/**
 * The root bucket of a bbolt database, as its newest whole transaction left it. HOSTILE: pages may lead in
 * circles, elements anywhere. It and what is read through it throws `scan/damaged`, `disk/*`.
 */
export function openBoltDatabase(reader: BlockReader, path: string): BoltBucket {
  const first = readMeta(reader, 0);
  const size = first?.pageSize ?? 4096;
  const second = readMeta(reader, size);
  const metas = [first, second].filter((meta) => meta !== undefined);
  const [meta] = metas.toSorted((one, other) => Number(other.txid - one.txid));
  if (meta === undefined) throw damaged(path, "neither of its meta pages is whole", "one that is");
  return new Bucket(new Pages(reader, meta.pageSize, path), meta.root, 0);
}

interface Meta {
  readonly pageSize: number;
  readonly root: number;
  readonly txid: bigint;
}

function readMeta(reader: BlockReader, at: number): Meta | undefined {
  if (at + PAGE_HEADER_BYTES + META_BYTES > reader.size) return undefined;
  const bytes = readBytes(reader, at + PAGE_HEADER_BYTES, META_BYTES, "a meta page");
  const pageSize = bytes.readUInt32LE(META.pageSize);
  const isMeta =
    bytes.readUInt32LE(META.magic) === MAGIC &&
    bytes.readUInt32LE(META.version) === VERSION &&
    bytes.readBigUInt64LE(META.checksum) === fnv1a(bytes.subarray(0, META.checksum));
  const isSize = pageSize >= 512 && pageSize <= MAX_PAGE_BYTES && (pageSize & (pageSize - 1)) === 0;
  if (!isMeta || !isSize) return undefined;
  const root = Number(bytes.readBigUInt64LE(META.root));
  return { pageSize, root, txid: bytes.readBigUInt64LE(META.txid) };
}

/** FNV-1a, 64 bits (RFC 9923). */
function fnv1a(bytes: Uint8Array): bigint {
  let hash = 0xcbf2_9ce4_8422_2325n;
  for (const byte of bytes) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100_0000_01b3n);
  return hash;
}

/** Pages of a database; so many and no more are read of it. */
class Pages {
  readonly path: string;
  readonly #reader: BlockReader;
  readonly #size: number;
  #read = 0;

  constructor(reader: BlockReader, size: number, path: string) {
    this.path = path;
    this.#reader = reader;
    this.#size = size;
  }

  page(number: number): Buffer {
    const at = number * this.#size;
    const header = readBytes(this.#reader, at, PAGE_HEADER_BYTES, `page ${number}`);
    const length = (header.readUInt32LE(12) + 1) * this.#size;
    if (length > MAX_PAGE_BYTES) {
      throw damaged(this.path, `page ${number} of ${length} bytes`, `${MAX_PAGE_BYTES} at most`);
    }
    this.#read += length;
    if (this.#read > MAX_READ) throw damaged(this.path, "pages without end", "a tree of them");
    return readBytes(this.#reader, at, length, `page ${number}`);
  }
}

class Bucket implements BoltBucket {
  readonly #pages: Pages;
  readonly #root: number | Buffer;
  readonly #nested: number;

  /** @param root the number of its first page, or the page where that is within the one above. */
  constructor(pages: Pages, root: number | Buffer, nested: number) {
    if (nested > MAX_NESTED) throw damaged(pages.path, `buckets ${nested} deep`, "fewer");
    this.#pages = pages;
    this.#root = root;
    this.#nested = nested;
  }

  bucket(key: string): BoltBucket | undefined {
    for (const item of this.items()) if (item.key === key) return item.bucket;
    return undefined;
  }

  value(key: string): Buffer | undefined {
    for (const item of this.items()) if (item.key === key) return item.value;
    return undefined;
  }

  items(): Iterable<BoltItem> {
    const root = typeof this.#root === "number" ? this.#pages.page(this.#root) : this.#root;
    return this.#walk(root, 0);
  }

  *#walk(page: Buffer, depth: number): Generator<BoltItem> {
    const { path } = this.#pages;
    if (depth > MAX_DEPTH) throw damaged(path, `pages ${depth} deep`, "fewer");
    if (page.length < PAGE_HEADER_BYTES) throw damaged(path, "a page without a header", "one");
    const flags = page.readUInt16LE(8);
    const count = page.readUInt16LE(10);
    if (PAGE_HEADER_BYTES + count * ELEMENT_BYTES > page.length) {
      throw damaged(path, `${count} elements in ${page.length} bytes`, "fewer");
    }
    for (let i = 0; i < count; i += 1) {
      const at = PAGE_HEADER_BYTES + i * ELEMENT_BYTES;
      if (flags === FLAG.branch) {
        const next = Number(page.readBigUInt64LE(at + 8));
        yield* this.#walk(this.#pages.page(next), depth + 1);
      } else if (flags === FLAG.leaf) {
        yield this.#item(page, at);
      } else {
        throw damaged(path, `a page with flags 0x${flags.toString(16)}`, "a branch or a leaf");
      }
    }
  }

  #item(page: Buffer, at: number): BoltItem {
    const start = at + page.readUInt32LE(at + 4);
    const middle = start + page.readUInt32LE(at + 8);
    const end = middle + page.readUInt32LE(at + 12);
    if (end > page.length) throw damaged(this.#pages.path, `an element to byte ${end}`, "less");
    const key = page.toString("utf8", start, middle);
    const value = page.subarray(middle, end);
    if ((page.readUInt32LE(at) & BUCKET_LEAF) === 0) return { key, value };
    if (value.length < BUCKET_HEADER_BYTES) throw damaged(this.#pages.path, "half a bucket", "it");
    const root = Number(value.readBigUInt64LE(0));
    const inner = root === 0 ? value.subarray(BUCKET_HEADER_BYTES) : root;
    return { key, bucket: new Bucket(this.#pages, inner, this.#nested + 1) };
  }
}

function damaged(path: string, seen: string, needed: string): CasemateError {
  return new CasemateError("scan/damaged", `Cannot read ${path}: ${seen}, expected ${needed}.`);
}
