import { statfsSync } from "node:fs";
import { dirname } from "node:path";
import { CasemateError, isDiskFull, KiB } from "@casemate/core";

/** SQLite's primary result codes (sqlite.org/rescode.html) that people can do something about. */
const sqlite = {
  readOnly: 8,
  ioError: 10,
  corrupt: 11,
  full: 13,
  cannotOpen: 14,
  notADatabase: 26,
};

/** What SQLite or the file system said about `path`, as an error people can act on; anything else as it was. */
export function storageError(thrown: unknown, path: string): unknown {
  if (thrown instanceof CasemateError || !(thrown instanceof Error)) return thrown;
  const options = { cause: thrown };
  switch (reasonOf(thrown, path)) {
    case "full":
      return new CasemateError(
        "disk/full",
        `Cannot write ${path}: no space is left on its file system.`,
        options,
      );
    case "not-writable":
      return new CasemateError(
        "data/not-writable",
        `Cannot write ${path}: ${wordsOf(thrown)}, expected a directory this user may write.`,
        options,
      );
    case "damaged":
      return new CasemateError(
        "data/damaged",
        `Cannot read ${path}: ${wordsOf(thrown)}, expected Casemate's own SQLite database.`,
        options,
      );
    case undefined:
      return thrown;
  }
}

type Reason = "full" | "not-writable" | "damaged";

function reasonOf(error: Error, path: string): Reason | undefined {
  if ("errcode" in error && typeof error.errcode === "number") {
    const primary = error.errcode & 0xff; // extended codes carry the primary one in the low byte
    if (primary === sqlite.full) return "full";
    if (primary === sqlite.corrupt || primary === sqlite.notADatabase) return "damaged";
    if (primary === sqlite.readOnly) return "not-writable";
    // A full disk shows as an I/O error where SQLite grows its shared-memory file.
    if (primary === sqlite.ioError || primary === sqlite.cannotOpen) {
      return isFull(path) ? "full" : "not-writable";
    }
  }
  if ("code" in error) {
    if (isDiskFull(error)) return "full";
    if (["EACCES", "EPERM", "EROFS", "ENOTDIR", "EEXIST", "ENOENT"].includes(String(error.code))) {
      return "not-writable";
    }
  }
  return undefined;
}

function wordsOf(error: Error): string {
  if ("errstr" in error) return `SQLite says "${String(error.errstr)}"`;
  return `the system says ${"code" in error ? String(error.code) : error.message}`;
}

/** Whether the file system has less room than SQLite's smallest shared-memory file takes (sqlite.org/walformat.html). */
function isFull(path: string): boolean {
  try {
    const { bavail, bsize } = statfsSync(dirname(path));
    return bavail * bsize < 32 * KiB;
  } catch {
    return false; // no such file system: not full, and the caller's error says what is wrong
  }
}
