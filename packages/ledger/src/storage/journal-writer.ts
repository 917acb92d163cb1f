import { type FileHandle, open } from "node:fs/promises";
import type { DurableFiles } from "./durable-files.ts";
import { formatFrame, formatJournalHeader, type JournalRecord, journalName } from "./journal.ts";
import { storageError } from "./storage-error.ts";

/** A journal that is written to: each frame is on disk when `append` resolves. */
export class JournalWriter implements AsyncDisposable {
  readonly name: string;
  readonly #path: string;
  readonly #file: FileHandle;
  /** Bytes that are known to be on disk. */
  #length: number;
  #digest: Uint8Array;
  /** Whether a write failed, so that bytes after `#length` may have to be cut off. */
  #torn = false;

  private constructor(
    path: string,
    name: string,
    file: FileHandle,
    at: { length: number; digest: Uint8Array },
  ) {
    this.#path = path;
    this.name = name;
    this.#file = file;
    this.#length = at.length;
    this.#digest = at.digest;
  }

  /** A new journal, whose first fact will be number `firstIndex`. Throws `disk/full`, `data/not-writable`. */
  static async create(files: DurableFiles, firstIndex: number): Promise<JournalWriter> {
    const name = journalName(firstIndex);
    const { bytes, digest } = formatJournalHeader(firstIndex);
    await files.write(name, bytes);
    await files.sync();
    const path = files.path(name);
    try {
      const file = await open(path, "r+");
      return new JournalWriter(path, name, file, { length: bytes.length, digest });
    } catch (thrown) {
      throw storageError(thrown, path);
    }
  }

  /** Bytes so far. */
  get length(): number {
    return this.#length;
  }

  /**
   * Writes the facts and waits until they are on disk.
   *
   * Throws `disk/full`, `data/not-writable`: then none of them is recorded, and the next `append` may succeed.
   */
  async append(records: readonly JournalRecord[]): Promise<void> {
    const { bytes, digest } = formatFrame(records, this.#digest);
    try {
      await this.settle();
      this.#torn = true;
      await writeAll(this.#file, bytes, this.#length);
      await this.#file.datasync();
      this.#torn = false;
    } catch (thrown) {
      // Best effort now, so that nothing half written stays; the next append insists on it.
      await this.#file.truncate(this.#length).catch(() => {});
      throw storageError(thrown, this.#path);
    }
    this.#length += bytes.length;
    this.#digest = digest;
  }

  /** Cuts off what a failed write may have left. Throws `disk/full`, `data/not-writable`. */
  async settle(): Promise<void> {
    if (!this.#torn) return;
    try {
      await this.#file.truncate(this.#length);
      await this.#file.datasync();
    } catch (thrown) {
      throw storageError(thrown, this.#path);
    }
    this.#torn = false;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
  }
}

/** write(2) may take less than it was given: a full disk says so only at the next call. */
async function writeAll(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, position + done);
    done += bytesWritten;
  }
}
