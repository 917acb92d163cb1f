import type { DatabaseSync, SQLInputValue } from "node:sqlite";
import type { SqliteDatabase, SqliteStatement } from "kysely";
import { storageError } from "./storage-error.ts";

/**
 * Node's own SQLite as the database Kysely's SQLite dialect drives: a seam of two methods.
 *
 * Its statements throw `disk/full`, `data/not-writable`, `data/damaged` about `path`, and what else SQLite says.
 */
export function nodeSqlite(database: DatabaseSync, path: string): SqliteDatabase {
  return {
    close: () => database.close(),
    prepare: (sql) => statementOf(database, sql, path),
  };
}

function statementOf(database: DatabaseSync, sql: string, path: string): SqliteStatement {
  const telling = <Result>(work: () => Result): Result => {
    try {
      return work();
    } catch (thrown) {
      throw storageError(thrown, path);
    }
  };
  const statement = telling(() => database.prepare(sql));
  return {
    reader: statement.columns().length > 0,
    all: (parameters) => telling(() => statement.all(...inputs(parameters))),
    run: (parameters) =>
      telling(() => {
        // On a full disk SQLite has rolled back itself (sqlite.org/lang_transaction.html).
        if (sql === "rollback" && !database.isTransaction) return nothingDone;
        return statement.run(...inputs(parameters));
      }),
    iterate: (parameters) => statement.iterate(...inputs(parameters)),
  };
}

const nothingDone = { changes: 0, lastInsertRowid: 0 };

/** SQLite itself refuses what it cannot store; Kysely's compiled parameters are only typed as unknown. */
function inputs(parameters: readonly unknown[]): SQLInputValue[] {
  return parameters as SQLInputValue[]; // the tables' types admit nothing else, SQLite checks again
}
