import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { CasemateError } from "@casemate/core";
import { Kysely, SqliteDialect } from "kysely";
import { Migrator } from "kysely/migration";
import { migrations } from "./migrations.ts";
import { nodeSqlite } from "./node-sqlite.ts";
import { storageError } from "./storage-error.ts";
import type { Tables } from "./tables.ts";
import { touchPrivate } from "./touch-private.ts";

/** The control plane's state: SQLite in write-ahead mode, each commit on disk before it is reported. */
export interface Store extends AsyncDisposable {
  readonly db: Kysely<Tables>;
  readonly path: string;
  /** Proves that a row can be written now. Throws `disk/full`, `data/not-writable`, `data/damaged`. */
  verifyWritable(): Promise<void>;
}

/**
 * Opens the database in `directory`, checks it and brings its tables up to date.
 *
 * Throws `data/damaged`, `data/not-writable`, `disk/full`.
 */
export async function openStore(directory: string): Promise<Store> {
  const path = join(directory, "casemate.db");
  let database: DatabaseSync | undefined;
  try {
    await touchPrivate(path);
    database = new DatabaseSync(path, { enableForeignKeyConstraints: true, timeout: 5_000 });
    database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
    verifyWhole(database, path);
    const db = new Kysely<Tables>({
      dialect: new SqliteDialect({ database: nodeSqlite(database, path) }),
    });
    await migrate(db, path);
    return {
      db,
      path,
      verifyWritable: () => verifyWritable(db, path),
      [Symbol.asyncDispose]: () => db.destroy(),
    };
  } catch (thrown) {
    if (database?.isOpen) database.close();
    throw storageError(thrown, path);
  }
}

/** SQLite's own check of pages and indexes (sqlite.org/pragma.html#pragma_quick_check). */
function verifyWhole(database: DatabaseSync, path: string): void {
  const seen = database.prepare("PRAGMA quick_check(1)").get()?.["quick_check"];
  if (seen === "ok") return;
  throw new CasemateError(
    "data/damaged",
    `Cannot read ${path}: SQLite's check says "${String(seen)}", expected "ok".`,
  );
}

async function migrate(db: Kysely<Tables>, path: string): Promise<void> {
  const migrator = new Migrator({ db, provider: { getMigrations: async () => migrations } });
  const { error } = await migrator.migrateToLatest();
  if (error === undefined) return;
  const known = storageError(error, path);
  if (known instanceof CasemateError) throw known;
  throw new CasemateError(
    "data/damaged",
    `Cannot bring ${path} up to date: its tables are not those an earlier Casemate left.`,
    { cause: error, next: "Use the Casemate that wrote it last, or a new directory by --data." },
  );
}

async function verifyWritable(db: Kysely<Tables>, path: string): Promise<void> {
  try {
    const value = new Date().toISOString();
    await db
      .insertInto("settings")
      .values({ key: "health/last-write", value })
      .onConflict((conflict) => conflict.column("key").doUpdateSet({ value }))
      .execute();
  } catch (thrown) {
    throw storageError(thrown, path);
  }
}
