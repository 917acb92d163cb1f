import type { BlockReader } from "@casemate/formats/disk";
import { SqliteDatabase } from "../sqlite/sqlite-database.ts";

/** rpm 4.18, lib/backend/sqlite.c: `CREATE TABLE 'Packages' (hnum INTEGER PRIMARY KEY, blob BLOB NOT NULL)`. */
const TABLE = "Packages";
const BLOB_COLUMN = 1;

/** Every package's header in rpm's `rpmdb.sqlite`, with what is in its write-ahead log only. */
export function* walkSqliteBlobs(
  file: BlockReader,
  path: string,
  log: BlockReader | undefined,
): Generator<Buffer> {
  const database = new SqliteDatabase(file, { path, log });
  for (const row of database.walkTable(TABLE)) {
    const value = row[BLOB_COLUMN];
    if (Buffer.isBuffer(value)) yield value;
  }
}
