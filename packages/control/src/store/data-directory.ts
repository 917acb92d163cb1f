import { chmod, mkdir, readFile, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { CasemateError } from "@casemate/core";
import { storageError } from "./storage-error.ts";
import { touchPrivate } from "./touch-private.ts";

/** The directory one Casemate keeps everything in; held by it alone until it is disposed. */
export interface DataDirectory extends Disposable {
  readonly path: string;
}

/**
 * Makes the data directory (mode 700) if it is not there and takes it for this process alone.
 *
 * The lock is the kernel's: it ends with the process, however that ends.
 * Throws `data/in-use`, `data/not-writable`, `disk/full`.
 */
export async function openDataDirectory(path: string): Promise<DataDirectory> {
  const lockPath = join(path, "lock");
  try {
    await makeDirectory(path);
    await chmod(path, 0o700);
  } catch (thrown) {
    throw storageError(thrown, path);
  }
  let lock: DatabaseSync | undefined;
  try {
    await touchPrivate(lockPath);
    lock = new DatabaseSync(lockPath, { timeout: 0 });
    lock.exec("PRAGMA journal_mode = MEMORY");
    lock.exec("BEGIN EXCLUSIVE");
  } catch (thrown) {
    lock?.close();
    if (isBusy(thrown)) throw await inUse(path, lockPath, thrown);
    throw storageError(thrown, path);
  }
  const held = lock;
  return { path, [Symbol.dispose]: () => held.close() };
}

/** Parents first where they are missing. Node's own recursive mkdir never ends where nothing can be made, as in /proc. */
async function makeDirectory(path: string): Promise<void> {
  try {
    await mkdir(path, { mode: 0o700 });
  } catch (thrown) {
    const code = thrown instanceof Error && "code" in thrown ? thrown.code : undefined;
    if (code === "EEXIST") return;
    if (code !== "ENOENT" || dirname(path) === path) throw thrown;
    await makeDirectory(dirname(path));
    await mkdir(path, { mode: 0o700 });
  }
}

/** SQLITE_BUSY (sqlite.org/rescode.html): another process holds the lock. */
function isBusy(thrown: unknown): boolean {
  return thrown instanceof Error && "errcode" in thrown && thrown.errcode === 5;
}

async function inUse(path: string, lockPath: string, cause: unknown): Promise<CasemateError> {
  const holder = await readLockHolder(lockPath);
  const who = holder === undefined ? "another Casemate" : `the Casemate with process id ${holder}`;
  return new CasemateError(
    "data/in-use",
    `Cannot open the data directory ${path}: ${who} works in it, expected it to be free.`,
    { cause },
  );
}

/** Who holds a lock on the file, from /proc/locks (proc_locks(5)); `undefined` where the kernel does not tell. */
async function readLockHolder(lockPath: string): Promise<number | undefined> {
  try {
    const { ino } = await stat(lockPath);
    const locks = await readFile("/proc/locks", "utf8");
    const pid = new RegExp(` WRITE (\\d+) [0-9a-f]+:[0-9a-f]+:${ino} `).exec(locks)?.[1];
    return pid === undefined ? undefined : Number(pid);
  } catch {
    return undefined; // the answer without a process id is still right
  }
}
