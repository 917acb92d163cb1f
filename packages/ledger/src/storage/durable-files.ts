import { randomUUID } from "node:crypto";
import { mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { isMissing, storageError } from "./storage-error.ts";
import { Turns } from "./turns.ts";

/** Where files lie until they are whole. */
export const TEMPORARY = "tmp";

/**
 * Files under one directory that are either as before or whole, whatever happens: written beside, made
 * durable, then renamed into place.
 */
export class DurableFiles {
  readonly directory: string;
  /** Directories whose entries have changed since the last `sync`. */
  readonly #changed = new Set<string>();
  /** One `sync` waits for the one before, or it would return before what that one took over is done. */
  readonly #syncs = new Turns();

  constructor(directory: string) {
    this.directory = directory;
  }

  /** Makes the directory if it is not there. Throws `disk/full`, `data/not-writable`. */
  async makeDirectory(): Promise<void> {
    try {
      await makeDirectory(this.directory, this.#changed);
    } catch (thrown) {
      throw storageError(thrown, this.directory);
    }
  }

  /** Takes away what an earlier process left half written; whoever calls it writes here alone. */
  async prepare(): Promise<void> {
    try {
      await rm(this.path(TEMPORARY), { recursive: true, force: true });
      await mkdir(this.path(TEMPORARY), { mode: 0o700 });
    } catch (thrown) {
      throw storageError(thrown, this.directory);
    }
  }

  path(name: string): string {
    return join(this.directory, name);
  }

  /** The file's bytes; `undefined` if it is not there. */
  async read(name: string): Promise<Buffer | undefined> {
    try {
      return await readFile(this.path(name));
    } catch (thrown) {
      if (isMissing(thrown)) return undefined;
      throw thrown;
    }
  }

  /**
   * Replaces the file. Durable after the next `sync`.
   *
   * Throws `disk/full`, `data/not-writable`; the file is then as it was.
   */
  async write(name: string, contents: Uint8Array | string, mode = 0o600): Promise<void> {
    const path = this.path(name);
    const temporary = this.path(join(TEMPORARY, randomUUID()));
    try {
      {
        await using file = await open(temporary, "wx", mode);
        await file.writeFile(contents);
        await file.datasync();
      }
      await makeDirectory(dirname(path), this.#changed);
      await rename(temporary, path);
      this.#changed.add(dirname(path));
    } catch (thrown) {
      await rm(temporary, { force: true }).catch(() => {}); // the next start takes it away
      throw storageError(thrown, path);
    }
  }

  /** Takes files or whole directories away; what is not there is no error. Durable after the next `sync`. */
  async remove(name: string): Promise<void> {
    const path = this.path(name);
    try {
      await rm(path, { recursive: true, force: true });
      this.#changed.add(dirname(path));
    } catch (thrown) {
      throw storageError(thrown, path);
    }
  }

  /** Makes every change so far durable, names included. Throws `disk/full`, `data/not-writable`. */
  async sync(): Promise<void> {
    await this.#syncs.take(() => this.#sync());
  }

  async #sync(): Promise<void> {
    const directories = [...this.#changed];
    this.#changed.clear();
    for (const path of directories) {
      try {
        await using directory = await open(path, "r");
        await directory.sync();
      } catch (thrown) {
        for (const each of directories) this.#changed.add(each);
        throw storageError(thrown, path);
      }
    }
  }
}

/** Parents first where they are missing. Node's own recursive mkdir never ends where nothing can be made, as in /proc. */
async function makeDirectory(path: string, changed: Set<string>): Promise<void> {
  try {
    await mkdir(path, { mode: 0o700 });
  } catch (thrown) {
    if (thrown instanceof Error && "code" in thrown && thrown.code === "EEXIST") return;
    if (!isMissing(thrown) || dirname(path) === path) throw thrown;
    await makeDirectory(dirname(path), changed);
    await makeDirectory(path, changed);
    return;
  }
  changed.add(dirname(path));
}
