import { createHash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import { CasemateError, MiB } from "@casemate/core";
import { formatTarHeader, TAR_BLOCK_BYTES } from "@casemate/formats";
import { storageError } from "../../store/storage-error.ts";
import { bundleNames, isBundleName } from "./bundle-names.ts";
import { type Digest, formatSums } from "./digest.ts";

/** What is read back at once. */
const PIECE = MiB;

/** Puts a file of a bundle into the open file `fd`, from byte `at` on, and tells how large it is. */
export type WriteFile<Written extends { readonly bytes: number }> = (
  fd: number,
  at: number,
) => Promise<Written>;

/** Writes a bundle: a tar archive (ustar) in whose bytes nothing is left to chance. */
export class BundleWriter implements AsyncDisposable {
  readonly #path: string;
  readonly #file: FileHandle;
  readonly #digests: Digest[] = [];
  /** Where the next file begins. */
  #end = 0;

  private constructor(path: string, file: FileHandle) {
    this.#path = path;
    this.#file = file;
  }

  /** Begins a bundle in a new file that nobody else may read, in place of one that is there. Throws `disk/full`, `data/not-writable`. */
  static async create(path: string): Promise<BundleWriter> {
    try {
      return new BundleWriter(path, await open(path, "w+", 0o600));
    } catch (thrown) {
      throw storageError(thrown, path);
    }
  }

  /** The files that are in it so far. */
  get digests(): readonly Digest[] {
    return this.#digests;
  }

  /** Throws `disk/full`, `data/not-writable`. */
  async add(name: string, bytes: Uint8Array): Promise<void> {
    this.#verifyNew(name);
    const size = bytes.length;
    await this.#write([formatTarHeader(name, size), bytes, paddingOf(size)]);
    this.#digests.push({ name, size, sha256: createHash("sha256").update(bytes).digest("hex") });
  }

  /**
   * Adds a file that is too large for this process's memory: `write` puts it where it belongs, and it is read
   * back for its digest. What `write` tells of it.
   *
   * Throws `disk/full`, `data/not-writable`, what `write` throws, and why `signal` was aborted.
   *
   * @param onRead told how much of it was read back, from 0 to 1
   */
  async addWritten<Written extends { readonly bytes: number }>(
    name: string,
    write: WriteFile<Written>,
    onRead: (fraction: number) => void,
    signal: AbortSignal,
  ): Promise<Written> {
    this.#verifyNew(name);
    const at = this.#end + TAR_BLOCK_BYTES;
    const written = await write(this.#file.fd, at);
    const size = written.bytes;
    await this.#write([formatTarHeader(name, size)]);
    const hash = createHash("sha256");
    const piece = Buffer.alloc(PIECE);
    for (let done = 0; done < size; ) {
      signal.throwIfAborted();
      const wanted = Math.min(PIECE, size - done);
      const { bytesRead } = await this.#file.read(piece, 0, wanted, at + done);
      if (bytesRead === 0) throw cutOff(this.#path);
      hash.update(piece.subarray(0, bytesRead));
      done += bytesRead;
      onRead(done / size);
    }
    this.#end = at + size;
    await this.#write([paddingOf(size)]);
    this.#digests.push({ name, size, sha256: hash.digest("hex") });
    return written;
  }

  /** Adds the digests of all that is there, and ends it: its bytes are on the disk when this resolves. */
  async end(): Promise<void> {
    await this.add(bundleNames.sums, Buffer.from(formatSums(this.#digests)));
    await this.#write([Buffer.alloc(2 * TAR_BLOCK_BYTES)]);
    try {
      await this.#file.datasync();
    } catch (thrown) {
      throw storageError(thrown, this.#path);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
  }

  #verifyNew(name: string): void {
    if (isBundleName(name) && this.#digests.every((each) => each.name !== name)) return;
    throw new CasemateError(
      "internal",
      `Cannot add ${name} to a bundle: it is no name or there, expected a new one.`,
    );
  }

  async #write(pieces: readonly Uint8Array[]): Promise<void> {
    try {
      for (const piece of pieces) {
        for (let done = 0; done < piece.length; ) {
          const { bytesWritten } = await this.#file.write(
            piece,
            done,
            piece.length - done,
            this.#end + done,
          );
          done += bytesWritten;
        }
        this.#end += piece.length;
      }
    } catch (thrown) {
      throw storageError(thrown, this.#path);
    }
  }
}

/** What fills a file's last block. */
function paddingOf(size: number): Uint8Array {
  return Buffer.alloc((TAR_BLOCK_BYTES - (size % TAR_BLOCK_BYTES)) % TAR_BLOCK_BYTES);
}

function cutOff(path: string): CasemateError {
  return new CasemateError(
    "data/not-writable",
    `Cannot write ${path}: it was cut off meanwhile, expected nobody else to touch it.`,
  );
}
