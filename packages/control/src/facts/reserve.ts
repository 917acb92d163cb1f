import { randomBytes } from "node:crypto";
import { open, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { CasemateError, MiB } from "@casemate/core";
import { storageError } from "../store/storage-error.ts";

/** Facts and tables of many operations. */
const SIZE = MiB;

/**
 * Room on the disk that is kept for the end of what was begun: a file that is given up where there is no other.
 *
 * Nothing may begin without it, so that whatever has begun can be written to its end.
 */
export class Reserve {
  readonly #path: string;
  #held: Promise<void> | undefined;
  /** How many use what was given up just now. */
  #spending = 0;

  constructor(directory: string) {
    this.#path = join(directory, "reserve");
  }

  /** Sees to it that the room is kept. Throws `disk/full`, `data/not-writable`. */
  async hold(): Promise<void> {
    if (this.#spending > 0) throw this.#full();
    this.#held ??= this.#make();
    try {
      await this.#held;
    } catch (thrown) {
      this.#held = undefined;
      throw storageError(thrown, this.#path);
    }
  }

  /** Does it, and where the disk is full once more with the room that was kept. Throws what `work` throws. */
  async spend<Result>(work: () => Promise<Result>): Promise<Result> {
    try {
      return await work();
    } catch (thrown) {
      if (!(thrown instanceof CasemateError) || thrown.code !== "disk/full") throw thrown;
    }
    this.#spending += 1;
    try {
      await this.#held?.catch(() => {}); // whoever holds it hears of it
      this.#held = undefined;
      await rm(this.#path, { force: true });
      return await work();
    } finally {
      this.#spending -= 1;
    }
  }

  async #make(): Promise<void> {
    const there = await stat(this.#path).catch(() => undefined); // made where it is missing
    if (there?.size === SIZE) return;
    try {
      await using file = await open(this.#path, "w", 0o600);
      // Not zeros, which some file systems keep no room for.
      await file.writeFile(randomBytes(SIZE));
      await file.datasync();
    } catch (thrown) {
      await rm(this.#path, { force: true }).catch(() => {}); // the cause is thrown
      throw thrown;
    }
  }

  #full(): CasemateError {
    return new CasemateError(
      "disk/full",
      `Cannot begin anything new: the last room beside ${this.#path} is being used, expected ${SIZE} bytes.`,
    );
  }
}
