import { GiB, MiB } from "@casemate/core";
import { type BlockReader, readBytes } from "@casemate/formats/disk";
import { damaged } from "./sqlite-error.ts";
import { parseRecord, readVarint, type SqliteValue } from "./sqlite-record.ts";
import { readWriteAheadLog } from "./write-ahead-log.ts";

/** sqlite.org/fileformat2.html, 1.3 "The Database Header" and 1.6 "B-tree Pages"; all big-endian. */
const MAGIC = "SQLite format 3\0";
const HEADER_BYTES = 100;
const HEADER = { pageSize: 16, reserved: 20, encoding: 56 } as const;
const UTF8 = 1;
const PAGE_TYPE = { interior: 5, leaf: 13 } as const;
/** The row of `sqlite_schema`: type, name, tbl_name, rootpage, sql. */
const SCHEMA = { type: 0, name: 1, rootPage: 3 } as const;

/** HOSTILE: trees are a few pages deep, and pages may lead in circles. */
const MAX_DEPTH = 32;
const MAX_READ = 2 * GiB;
const MAX_PAYLOAD = 64 * MiB;

export interface SqliteOptions {
  /** For errors. */
  readonly path: string;
  /** The file with `-wal` after its name, where there is one. */
  readonly log?: BlockReader | undefined;
}

/**
 * Tables of an SQLite database, row by row, with what is in its write-ahead log. SQLite itself is not asked:
 * it trusts its files. Texts are read as UTF-8. Throws `scan/damaged`, `scan/unsupported`, `disk/*`.
 */
export class SqliteDatabase {
  readonly #reader: BlockReader;
  readonly #path: string;
  readonly #pageSize: number;
  /** Bytes of a page that are the b-tree's. */
  readonly #usable: number;
  readonly #log: BlockReader | undefined;
  readonly #logged: ReadonlyMap<number, number>;
  #read = 0;

  constructor(reader: BlockReader, { path, log }: SqliteOptions) {
    this.#reader = reader;
    this.#path = path;
    if (reader.size < HEADER_BYTES) throw damaged(path, `${reader.size} bytes`, "a database");
    const header = readBytes(reader, 0, HEADER_BYTES, path);
    const size = header.readUInt16BE(HEADER.pageSize);
    this.#pageSize = size === 1 ? 65_536 : size;
    this.#usable = this.#pageSize - header.readUInt8(HEADER.reserved);
    const isSize = this.#pageSize >= 512 && (this.#pageSize & (this.#pageSize - 1)) === 0;
    if (header.toString("latin1", 0, MAGIC.length) !== MAGIC || !isSize || this.#usable < 480) {
      throw damaged(path, "another header", "an SQLite database");
    }
    const encoding = header.readUInt32BE(HEADER.encoding);
    if (encoding > UTF8) throw damaged(path, `encoding ${encoding}`, "UTF-8");
    this.#log = log;
    this.#logged = readWriteAheadLog(log, this.#pageSize);
  }

  /** The rows of a table, each with its columns in the table's order; a rowid's own column is `null`. */
  *walkTable(name: string): Generator<readonly SqliteValue[]> {
    for (const row of this.#walk(1, 0)) {
      if (row[SCHEMA.type] !== "table" || row[SCHEMA.name] !== name) continue;
      const root = row[SCHEMA.rootPage];
      if (typeof root === "number") yield* this.#walk(root, 0);
      return;
    }
    throw damaged(this.#path, `no table ${name}`, "one");
  }

  *#walk(number: number, depth: number): Generator<readonly SqliteValue[]> {
    if (depth > MAX_DEPTH) throw damaged(this.#path, `pages ${depth} deep`, "fewer");
    const page = this.#page(number);
    const start = number === 1 ? HEADER_BYTES : 0;
    const type = page.readUInt8(start);
    const cells = page.readUInt16BE(start + 3);
    if (type !== PAGE_TYPE.interior && type !== PAGE_TYPE.leaf) {
      throw damaged(this.#path, `page ${number} of type ${type}`, "a table's");
    }
    const pointers = start + (type === PAGE_TYPE.interior ? 12 : 8);
    if (pointers + cells * 2 > this.#usable) {
      throw damaged(this.#path, `${cells} cells in page ${number}`, "fewer");
    }
    for (let i = 0; i < cells; i += 1) {
      const at = page.readUInt16BE(pointers + i * 2);
      if (at + 4 > this.#usable)
        throw damaged(this.#path, `a cell at byte ${at}`, "it in the page");
      if (type === PAGE_TYPE.interior) yield* this.#walk(page.readUInt32BE(at), depth + 1);
      else yield this.#row(page, at);
    }
    if (type === PAGE_TYPE.interior) yield* this.#walk(page.readUInt32BE(start + 8), depth + 1);
  }

  #row(page: Buffer, at: number): readonly SqliteValue[] {
    const length = readVarint(page, at);
    const rowid = length === undefined ? undefined : readVarint(page, length.end);
    if (length === undefined || rowid === undefined) {
      throw damaged(this.#path, "half a cell", "a whole one");
    }
    const row = parseRecord(this.#payload(page, rowid.end, length.value));
    if (row !== undefined) return row;
    throw damaged(this.#path, `row ${rowid.value} shorter than its values`, "all of them");
  }

  /** What is on the page itself, and on the pages that a chain leads to (1.6, "Cell Payload Overflow Pages"). */
  #payload(page: Buffer, at: number, length: number): Buffer {
    if (length > MAX_PAYLOAD) {
      throw damaged(this.#path, `a row of ${length} bytes`, `${MAX_PAYLOAD} at most`);
    }
    const here = this.#bytesOnPage(length);
    const inPage = page.subarray(at, at + here);
    const isSpread = here < length;
    if (at + here + (isSpread ? 4 : 0) > this.#usable) {
      throw damaged(this.#path, "a row beyond its page", "it within");
    }
    if (!isSpread) return inPage;
    const whole = Buffer.allocUnsafe(length);
    let done = inPage.copy(whole);
    let next = page.readUInt32BE(at + here);
    while (done < length) {
      const overflow = this.#page(next);
      const part = Math.min(length - done, this.#usable - 4);
      overflow.copy(whole, done, 4, 4 + part);
      done += part;
      next = overflow.readUInt32BE(0);
    }
    return whole;
  }

  #bytesOnPage(length: number): number {
    const most = this.#usable - 35;
    if (length <= most) return length;
    const least = Math.floor(((this.#usable - 12) * 32) / 255) - 23;
    const here = least + ((length - least) % (this.#usable - 4));
    return here <= most ? here : least;
  }

  #page(number: number): Buffer {
    this.#read += this.#pageSize;
    if (this.#read > MAX_READ) throw damaged(this.#path, "it read without end", "a tree of pages");
    const logged = this.#logged.get(number);
    if (logged !== undefined && this.#log !== undefined) {
      return readBytes(this.#log, logged, this.#pageSize, this.#path);
    }
    if (number === 0) throw damaged(this.#path, "page 0", "one from 1 on");
    return readBytes(this.#reader, (number - 1) * this.#pageSize, this.#pageSize, this.#path);
  }
}
