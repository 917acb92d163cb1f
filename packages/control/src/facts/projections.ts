import { rm } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { Fact, Ledger } from "@casemate/ledger";
import { Kysely, SqliteDialect } from "kysely";
import { requestsProjection } from "../spine/requests-projection.ts";
import { nodeSqlite } from "../store/node-sqlite.ts";
import { storageError } from "../store/storage-error.ts";
import { touchPrivate } from "../store/touch-private.ts";
import { cleanStatesProjection } from "../watch/clean-states/clean-states-projection.ts";
import { evidenceProjection } from "../watch/evidence/evidence-projection.ts";
import { findingsProjection } from "../watch/findings/findings-projection.ts";
import { answersProjection } from "../watch/responses/answers-projection.ts";
import { worldsProjection } from "../watch/worlds-projection.ts";
import type { ProjectedTables } from "./projected-tables.ts";

/** Every table that is made from facts. */
const projections = [
  requestsProjection,
  worldsProjection,
  findingsProjection,
  answersProjection,
  evidenceProjection,
  cleanStatesProjection,
];

/** Raised when a projection folds otherwise than before: its tables are then made anew. */
const SHAPE = 5;

/** Facts folded in one transaction. */
const BATCH = 1_000;

/** The tables that follow from the ledger's facts, in a file that may be lost. */
export interface Projections extends AsyncDisposable {
  readonly db: Kysely<ProjectedTables>;
  /** Resolves when the tables follow from this fact too, and from all before it. */
  fold(fact: Fact): Promise<void>;
}

/**
 * Opens the tables in `directory` and folds the facts that they do not follow from yet; all of them, where
 * the file is missing, damaged, or made by another version.
 *
 * Throws `data/*`, `disk/full`, `ledger/*`.
 */
export async function openProjections(directory: string, ledger: Ledger): Promise<Projections> {
  const path = join(directory, "projections.db");
  const { db, folded } = await openTables(path, ledger.size);
  let next = folded;
  let folding: Promise<void> | undefined;

  /** Folds what is there until nothing more is; the ledger records facts of its own, too. */
  const drain = async () => {
    try {
      while (next < ledger.size) {
        const facts = await Array.fromAsync(ledger.walk(next, next + BATCH));
        await foldAll(db, facts);
        next += facts.length;
      }
    } catch (thrown) {
      throw storageError(thrown, path);
    } finally {
      folding = undefined;
    }
  };

  try {
    await drain();
  } catch (thrown) {
    await db.destroy();
    throw thrown;
  }
  return {
    db,
    async fold({ index }) {
      while (next <= index) {
        folding ??= drain();
        await folding;
      }
    },
    async [Symbol.asyncDispose]() {
      await folding?.catch(() => {}); // whoever waits for it hears of it
      await db.destroy();
    },
  };
}

/** Deletes the tables of `directory`: the next `openProjections` makes them anew. */
export async function deleteProjections(directory: string): Promise<void> {
  await deleteFile(join(directory, "projections.db"));
}

async function foldAll(db: Kysely<ProjectedTables>, facts: readonly Fact[]): Promise<void> {
  await db.transaction().execute(async (transaction) => {
    for (const fact of facts) {
      for (const projection of projections) await projection.fold(transaction, fact);
    }
    const last = facts.at(-1);
    if (last === undefined) return;
    await transaction
      .updateTable("folded")
      .set({ facts: last.index + 1 })
      .execute();
  });
}

async function openTables(
  path: string,
  size: number,
): Promise<{ readonly db: Kysely<ProjectedTables>; readonly folded: number }> {
  const kept = await tryKept(path);
  if (kept !== undefined && kept.folded <= size) return kept;
  await kept?.db.destroy();
  try {
    await deleteFile(path);
    await touchPrivate(path);
    const db = connect(path);
    await db.schema
      .createTable("folded")
      .addColumn("id", "integer", (column) => column.primaryKey())
      .addColumn("facts", "integer", (column) => column.notNull())
      .execute();
    await db.insertInto("folded").values({ id: SHAPE, facts: 0 }).execute();
    for (const projection of projections) await projection.createTables(db);
    return { db, folded: 0 };
  } catch (thrown) {
    throw storageError(thrown, path);
  }
}

/** The tables that are there, if they are whole and of this version. */
async function tryKept(
  path: string,
): Promise<{ readonly db: Kysely<ProjectedTables>; readonly folded: number } | undefined> {
  let db: Kysely<ProjectedTables> | undefined;
  try {
    await touchPrivate(path);
    db = connect(path);
    const row = await db
      .selectFrom("folded")
      .select("facts")
      .where("id", "=", SHAPE)
      .executeTakeFirst();
    if (row !== undefined) return { db, folded: row.facts };
  } catch {
    // What cannot be read is made anew: the facts are elsewhere.
  }
  await db?.destroy();
  return undefined;
}

/** Commits need not be on disk: what a crash loses is folded again. */
function connect(path: string): Kysely<ProjectedTables> {
  const database = new DatabaseSync(path, { timeout: 5_000 });
  database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL");
  return new Kysely<ProjectedTables>({
    dialect: new SqliteDialect({ database: nodeSqlite(database, path) }),
  });
}

async function deleteFile(path: string): Promise<void> {
  for (const suffix of ["", "-wal", "-shm"]) await rm(`${path}${suffix}`, { force: true });
}
