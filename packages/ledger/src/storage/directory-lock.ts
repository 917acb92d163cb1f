import { open, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { CasemateError } from "@casemate/core";
import { storageError } from "./storage-error.ts";

/** The name of the lock's file, which stays empty. */
export const LOCK = "lock";

/**
 * Takes the ledger in `directory` for this process alone, until disposed.
 *
 * The lock is the kernel's, through SQLite, as Node itself offers none: it ends with the process, however
 * that ends. Throws `data/in-use`, `data/not-writable`.
 */
export async function lockDirectory(directory: string): Promise<Disposable> {
  const path = join(directory, LOCK);
  let lock: DatabaseSync | undefined;
  try {
    {
      await using _file = await open(path, "a", 0o600);
    }
    lock = new DatabaseSync(path, { timeout: 0 });
    lock.exec("PRAGMA journal_mode = MEMORY");
    lock.exec("BEGIN EXCLUSIVE");
  } catch (thrown) {
    lock?.close();
    if (!isBusy(thrown)) throw storageError(thrown, path);
    const holder = await readLockHolder(path);
    throw new CasemateError(
      "data/in-use",
      `Cannot open the ledger ${directory}: ${holder === undefined ? "another process" : `process ${holder}`} writes to it, expected it to be free.`,
      { cause: thrown, next: "Let that process do it, or stop it first." },
    );
  }
  const held = lock;
  return {
    [Symbol.dispose]() {
      if (held.isOpen) held.close();
    },
  };
}

/** SQLITE_BUSY (sqlite.org/rescode.html): another process holds the lock. */
function isBusy(thrown: unknown): boolean {
  return thrown instanceof Error && "errcode" in thrown && thrown.errcode === 5;
}

/** Who holds the ledger in `directory`, from /proc/locks (proc_locks(5)); `undefined` for nobody, or if it cannot be told. */
export async function readLockHolder(path: string): Promise<number | undefined> {
  try {
    const { ino } = await stat(path);
    const locks = await readFile("/proc/locks", "utf8");
    const pid = new RegExp(` WRITE (\\d+) [0-9a-f]+:[0-9a-f]+:${ino} `).exec(locks)?.[1];
    return pid === undefined ? undefined : Number(pid);
  } catch {
    return undefined; // no such file, or a kernel that does not tell
  }
}
