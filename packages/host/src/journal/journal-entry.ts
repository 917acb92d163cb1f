import { randomUUID } from "node:crypto";
import { type FileHandle, mkdir, open, readdir, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { CasemateError, isDiskFull } from "@casemate/core";
import { flock } from "../memory/libc.ts";

const LOCK_EX = 2;
const LOCK_NB = 4;

/**
 * One thing in a journal that must be ended even if Casemate cannot: a file of its own, locked while anybody
 * who looks after it lives.
 *
 * The lock (flock(2)) belongs to the open file, which other processes may inherit: the kernel lets go of it
 * when the last of them has ended, however that went. An entry that nobody locks was abandoned.
 */
export interface JournalEntry extends AsyncDisposable {
  readonly path: string;
  /** To be inherited by those who look after it too. */
  readonly fd: number;
  /** Writes the record down for good: it is there after a power cut. Throws `data/not-writable`, `disk/full`. */
  write(record: object): Promise<void>;
  remove(): Promise<void>;
}

/**
 * An empty entry in `directory`, which is made if it is not there. Throws `data/not-writable`, `disk/full`.
 *
 * @param what is noted: "a pause".
 */
export async function createJournalEntry(directory: string, what: string): Promise<JournalEntry> {
  try {
    await makeDirectory(directory);
    for (;;) {
      const path = join(directory, `${randomUUID()}.json`);
      const file = await open(path, "wx", 0o600);
      const isLocked = tryLock(file);
      // Between the two lines above it looked abandoned, and somebody may have cleared it away.
      if (isLocked && (await file.stat()).nlink === 1) return new OpenEntry(path, file, what);
      await file.close();
    }
  } catch (thrown) {
    throw explain(thrown, what, directory);
  }
}

/**
 * The entries in `directory` that nobody looks after any more, each locked until it is disposed of.
 *
 * A directory that is not there, or is another user's, has none. What `parse` finds not to be whole has no
 * record: nothing was begun yet.
 */
export async function* walkAbandonedEntries<Record>(
  directory: string,
  parse: (text: string) => Record | undefined,
): AsyncGenerator<{ readonly entry: JournalEntry; readonly record: Record | undefined }> {
  for (const name of await readNames(directory)) {
    if (!name.endsWith(".json")) continue;
    const path = join(directory, name);
    const file = await open(path, "r").catch(() => undefined); // it has just ended
    if (file === undefined) continue;
    await using entry = new OpenEntry(path, file, "what is left");
    if (!tryLock(file)) continue;
    yield { entry, record: parse(await file.readFile("utf8")) };
  }
}

class OpenEntry implements JournalEntry {
  readonly path: string;
  readonly #file: FileHandle;
  readonly #what: string;

  constructor(path: string, file: FileHandle, what: string) {
    this.path = path;
    this.#file = file;
    this.#what = what;
  }

  get fd(): number {
    return this.#file.fd;
  }

  async write(record: object): Promise<void> {
    try {
      await this.#file.writeFile(JSON.stringify(record));
      await this.#file.sync();
      await using directory = await open(dirname(this.path), "r");
      await directory.sync();
    } catch (thrown) {
      throw explain(thrown, this.#what, this.path);
    }
  }

  /** Not synchronized: what a power cut brings back names a run of QEMU that it ended. */
  async remove(): Promise<void> {
    await rm(this.path, { force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
  }
}

function tryLock(file: FileHandle): boolean {
  return flock(file.fd, LOCK_EX | LOCK_NB) === 0;
}

/** Parents first where they are missing. Node's own recursive mkdir never ends where nothing can be made, as in /proc. */
async function makeDirectory(path: string): Promise<void> {
  try {
    await mkdir(path, { mode: 0o700 });
  } catch (thrown) {
    const code = codeOf(thrown);
    if (code === "EEXIST") return;
    if (code !== "ENOENT" || dirname(path) === path) throw thrown;
    await makeDirectory(dirname(path));
    await mkdir(path, { mode: 0o700 });
  }
}

async function readNames(directory: string): Promise<readonly string[]> {
  try {
    return await readdir(directory);
  } catch (thrown) {
    if (["ENOENT", "EACCES", "ENOTDIR"].includes(codeOf(thrown))) return [];
    throw thrown;
  }
}

function codeOf(thrown: unknown): string {
  return thrown instanceof Error && "code" in thrown ? String(thrown.code) : "";
}

function explain(cause: unknown, what: string, path: string): unknown {
  const code = codeOf(cause);
  if (code === "") return cause;
  return new CasemateError(
    isDiskFull(cause) ? "disk/full" : "data/not-writable",
    `Cannot note ${what} in ${path}: the system says ${code}, and what is not noted is not begun.`,
    { cause },
  );
}
