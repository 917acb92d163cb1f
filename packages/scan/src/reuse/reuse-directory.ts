import { createHash } from "node:crypto";
import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  openSync,
  readSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { MiB } from "@casemate/core";
import type { ReuseStore } from "./reuse-store.ts";

/** A file is the SHA-256 of what follows it; until the last byte is there, it is not what it says. */
const DIGEST_BYTES = 32;
/** HOSTILE: a guest may have any number of files and of words about them. */
const MAX_BYTES = 128 * MiB;
const KEY = /^[0-9a-f]{64}$/;

/**
 * A store in a directory, a file for each key.
 *
 * Files are opened once, when it is opened, and only those of `keys`: a process that gives up its rights goes
 * on with what it has, and can put nothing elsewhere. No file is renamed into its place, which takes rights:
 * one that is half written is not what its first bytes say, and counts as none, as does one that was damaged.
 */
export class ReuseDirectory implements ReuseStore, Disposable {
  readonly #files = new Map<string, number>();

  /** @param directory must be there. Throws what opening its files throws. */
  constructor(directory: string, keys: Iterable<string>) {
    try {
      for (const key of keys) {
        if (!KEY.test(key) || this.#files.has(key)) continue;
        const { O_RDWR, O_CREAT, O_NOFOLLOW } = constants;
        this.#files.set(key, openSync(join(directory, key), O_RDWR | O_CREAT | O_NOFOLLOW, 0o600));
      }
    } catch (thrown) {
      this[Symbol.dispose]();
      throw thrown;
    }
  }

  get(key: string): Uint8Array | undefined {
    const fd = this.#files.get(key);
    if (fd === undefined) return undefined;
    const { size } = fstatSync(fd);
    if (size < DIGEST_BYTES || size > DIGEST_BYTES + MAX_BYTES) return undefined;
    const bytes = Buffer.allocUnsafe(size);
    let done = 0;
    while (done < size) {
      const read = readSync(fd, bytes, done, size - done, done);
      if (read === 0) return undefined;
      done += read;
    }
    const value = bytes.subarray(DIGEST_BYTES);
    return bytes.subarray(0, DIGEST_BYTES).equals(digest(value)) ? value : undefined;
  }

  put(key: string, value: Uint8Array): void {
    const fd = this.#files.get(key);
    if (fd === undefined || value.length > MAX_BYTES) return;
    try {
      // Its digest comes last: until then it is of nothing.
      ftruncateSync(fd, 0);
      writeAll(fd, value, DIGEST_BYTES);
      writeAll(fd, digest(value), 0);
    } catch {
      // A full disk, or a file that is another's: what is there is not what it says, and the next scan reads.
    }
  }

  [Symbol.dispose](): void {
    for (const fd of this.#files.values()) closeSync(fd);
    this.#files.clear();
  }
}

function writeAll(fd: number, bytes: Uint8Array, at: number): void {
  for (let done = 0; done < bytes.length; ) {
    done += writeSync(fd, bytes, done, bytes.length - done, at + done);
  }
}

const digest = (value: Uint8Array): Buffer => createHash("sha256").update(value).digest();
