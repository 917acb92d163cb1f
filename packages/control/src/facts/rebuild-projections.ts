import { CasemateError } from "@casemate/core";
import { type Kysely, sql } from "kysely";
import { openDataDirectory } from "../store/data-directory.ts";
import { openStore } from "../store/store.ts";
import { openLedger } from "./open-ledger.ts";
import type { ProjectedTables } from "./projected-tables.ts";
import { deleteProjections, openProjections } from "./projections.ts";

/** What came of making the tables anew. */
export interface Rebuilt {
  readonly facts: number;
  readonly tables: readonly {
    readonly name: string;
    readonly rows: number;
    /** Whether it is what it was. */
    readonly equal: boolean;
  }[];
}

/**
 * Makes the tables of a data directory anew from its ledger, and says whether they are what they were.
 *
 * Throws `data/in-use` while Casemate runs in it, `data/*`, `ledger/*`.
 */
export async function rebuildProjections(dataDirectory: string): Promise<Rebuilt> {
  using directory = await openDataDirectory(dataDirectory);
  const { path } = directory;
  await using store = await openStore(path);
  await using ledger = await openLedger(path, store, throwIt);
  const before = await readTables(path, ledger);
  await deleteProjections(path);
  const after = await readTables(path, ledger);
  return {
    facts: ledger.size,
    tables: [...after].map(([name, rows]) => ({
      name,
      rows: rows.length,
      equal: JSON.stringify(rows) === JSON.stringify(before.get(name)),
    })),
  };
}

/** Every row of every table, by table, in an order of their own. */
async function readTables(
  path: string,
  ledger: Parameters<typeof openProjections>[1],
): Promise<ReadonlyMap<string, readonly string[]>> {
  await using projections = await openProjections(path, ledger);
  const { db } = projections;
  const found = await db.introspection.getTables();
  const tables = new Map<string, readonly string[]>();
  for (const { name } of found) tables.set(name, await readRows(db, name));
  return tables;
}

async function readRows(db: Kysely<ProjectedTables>, table: string): Promise<readonly string[]> {
  const { rows } = await sql`select * from ${sql.table(table)}`.execute(db);
  return rows.map((row) => JSON.stringify(row)).toSorted();
}

function throwIt(thrown: unknown): never {
  throw thrown instanceof Error ? thrown : new CasemateError("internal", String(thrown));
}
