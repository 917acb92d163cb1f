import { readlink, realpath } from "node:fs/promises";
import path from "node:path";
import { CasemateError } from "@casemate/core";

/** A directory, and whether something stands below it; both without symbolic links. */
function isInside(file: string, directory: string): boolean {
  return file.startsWith(directory.endsWith("/") ? directory : `${directory}/`);
}

/**
 * Which of the host's files storage operations may touch: those below `directories`, and for reading also
 * `files`.
 *
 * Whoever may ask for an operation chooses its paths, so they are taken as the kernel would: every symbolic
 * link on the way followed, the file itself included.
 */
export class StorageGuard {
  readonly #directories: readonly string[];
  readonly #readFiles: () => Promise<readonly string[]>;

  private constructor(directories: readonly string[], readFiles: () => Promise<readonly string[]>) {
    this.#directories = directories;
    this.#readFiles = readFiles;
  }

  /**
   * @param directories of pools and of the configuration.
   * @param readFiles answers which files are some VM's disks; asked only for what is outside of them.
   */
  static async of(
    directories: readonly string[],
    readFiles: () => Promise<readonly string[]>,
  ): Promise<StorageGuard> {
    const roots = await Promise.all(directories.map(readReal));
    // A pool of the whole machine guards nothing, so it allows nothing.
    const guarded = roots.filter((root) => root !== undefined).filter((root) => root !== "/");
    return new StorageGuard([...new Set(guarded)], readFiles);
  }

  get directories(): readonly string[] {
    return this.#directories;
  }

  /** The file's real path, to be read. Throws `storage/outside`, `storage/unknown` where nothing is. */
  async readable(file: string): Promise<string> {
    const real = await this.#real(file);
    if (this.#allows(real) || (await this.#isDisk(real))) {
      if ((await readReal(file)) !== undefined) return real;
      throw new CasemateError(
        "storage/unknown",
        `Cannot read ${file}: nothing is there, expected a file.`,
      );
    }
    throw this.#outside(file, real);
  }

  /** The file's real path, to be made, written or removed; it need not be there. Throws `storage/outside`. */
  async writable(file: string): Promise<string> {
    const real = await this.#real(file);
    if (this.#allows(real)) return real;
    throw this.#outside(file, real);
  }

  async #isDisk(real: string): Promise<boolean> {
    const files = await Promise.all((await this.#readFiles()).map(readReal));
    return files.includes(real);
  }

  #allows(real: string): boolean {
    return this.#directories.some((directory) => isInside(real, directory));
  }

  /** With what is not there yet left as it is written, below the nearest directory that is. */
  async #real(file: string): Promise<string> {
    if (!path.isAbsolute(file) || file.includes("\0") || path.normalize(file) !== file) {
      throw this.#outside(file, "no plain absolute path");
    }
    const whole = await readReal(file);
    if (whole !== undefined) return whole;
    // A dangling link would be written through to wherever it points.
    if ((await readlink(file).catch(() => undefined)) !== undefined) {
      throw this.#outside(file, "a link to nothing");
    }
    const directory = await readReal(path.dirname(file));
    if (directory === undefined) {
      throw new CasemateError(
        "storage/unknown",
        `Cannot use ${file}: its directory is not there, expected one.`,
      );
    }
    return path.join(directory, path.basename(file));
  }

  #outside(file: string, real: string): CasemateError {
    return new CasemateError(
      "storage/outside",
      `Cannot use ${file}: it is ${real}, expected a file in ${this.#directories.join(", ") || "a storage pool"}.`,
    );
  }
}

async function readReal(file: string): Promise<string | undefined> {
  // Not there, or behind a directory that cannot be passed: as good as not there.
  return await realpath(file).catch(() => undefined);
}
