import { readSync } from "node:fs";
import { CasemateError } from "@casemate/core";
import type { ReadAt } from "@casemate/formats/memory-images";

/** Reads by a descriptor that stays the caller's. Its errors are `dump/unreadable` and name `path`. */
export function readFileAt(fd: number, path: string): ReadAt {
  return (offset, length) => {
    const bytes = Buffer.allocUnsafe(length);
    return bytes.subarray(0, readInto(fd, path, offset, bytes));
  };
}

/** Fills `target` from byte `offset` of a file; returns how many bytes there were before its end. */
export function readInto(fd: number, path: string, offset: number, target: Uint8Array): number {
  let done = 0;
  try {
    while (done < target.length) {
      const count = readSync(fd, target, done, target.length - done, offset + done);
      if (count === 0) break;
      done += count;
    }
  } catch (cause) {
    const words = cause instanceof Error ? cause.message : String(cause);
    throw new CasemateError(
      "dump/unreadable",
      `Cannot read memory image ${path} at byte ${offset}: ${words}, expected ${target.length} bytes.`,
      { cause },
    );
  }
  return done;
}
