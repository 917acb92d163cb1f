import { createHash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import { CasemateError } from "@casemate/core";
import { formatTarHeader, TAR_BLOCK_BYTES } from "@casemate/formats";
import { storageError } from "../../store/storage-error.ts";
import { bundleNames, isBundleName } from "./bundle-names.ts";
import { type Digest, formatSums } from "./digest.ts";

/** Writes a bundle: a tar archive (ustar) in whose bytes nothing is left to chance. */
export class BundleWriter implements AsyncDisposable {
  readonly #path: string;
  readonly #file: FileHandle;
  readonly #digests: Digest[] = [];

  private constructor(path: string, file: FileHandle) {
    this.#path = path;
    this.#file = file;
  }

  /** Begins a bundle in a new file that nobody else may read, in place of one that is there. Throws `disk/full`, `data/not-writable`. */
  static async create(path: string): Promise<BundleWriter> {
    try {
      return new BundleWriter(path, await open(path, "w", 0o600));
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
    if (!isBundleName(name) || this.#digests.some((each) => each.name === name)) {
      throw new CasemateError(
        "internal",
        `Cannot add ${name} to a bundle: it is no name or there, expected a new one.`,
      );
    }
    const size = bytes.length;
    const padding = Buffer.alloc(-size & (TAR_BLOCK_BYTES - 1));
    await this.#write([formatTarHeader(name, size), bytes, padding]);
    this.#digests.push({ name, size, sha256: createHash("sha256").update(bytes).digest("hex") });
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

  async #write(pieces: readonly Uint8Array[]): Promise<void> {
    try {
      for (const piece of pieces) await this.#file.writeFile(piece);
    } catch (thrown) {
      throw storageError(thrown, this.#path);
    }
  }
}
