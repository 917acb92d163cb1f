import { fstatSync, readSync } from "node:fs";
import { CasemateError } from "@casemate/core";
import type { BlockReader } from "@casemate/formats/disk";

/** A file or block device as a format reads it, by a descriptor that stays the caller's. */
export class FileReader implements BlockReader {
  readonly size: number;
  readonly #fd: number;
  readonly #name: string;

  /** @param size where the file does not tell it: of a block device. @param name for errors. */
  constructor(fd: number, name: string, size: number = fstatSync(fd).size) {
    this.#fd = fd;
    this.#name = name;
    this.size = size;
  }

  read(offset: number, target: Uint8Array): void {
    let done = 0;
    try {
      while (done < target.length) {
        const count = readSync(this.#fd, target, done, target.length - done, offset + done);
        if (count === 0) break;
        done += count;
      }
    } catch (cause) {
      throw new CasemateError(
        "disk/unreadable",
        `Cannot read ${this.#name} at byte ${offset}: ${cause instanceof Error ? cause.message : cause}, expected ${target.length} bytes.`,
        { cause },
      );
    }
    if (done === target.length) return;
    throw new CasemateError(
      "disk/truncated",
      `Cannot read ${this.#name} at byte ${offset}: ${done} bytes are there, expected ${target.length}.`,
    );
  }
}
