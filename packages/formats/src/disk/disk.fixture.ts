import { execFileSync } from "node:child_process";
import { closeSync, fstatSync, mkdtempSync, openSync, readSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BlockReader } from "./block-reader.ts";

/** A file as tests read it. */
export function openFile(path: string): BlockReader & Disposable {
  const fd = openSync(path, "r");
  return {
    size: fstatSync(fd).size,
    read(offset, target) {
      if (readSync(fd, target, 0, target.length, offset) !== target.length) throw new Error(path);
    },
    [Symbol.dispose]: () => closeSync(fd),
  };
}

/** What a tool says; it is to succeed. */
export function run(file: string, ...args: readonly string[]): string {
  return execFileSync(file, args, {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
    maxBuffer: 64 * 1024 * 1024,
    env: { ...process.env, PATH: `${process.env["PATH"]}:/usr/sbin:/sbin`, LC_ALL: "C.UTF-8" },
  });
}

/** A directory that is gone after the test. */
export function makeScratch(): Disposable & { path(...names: readonly string[]): string } {
  const directory = mkdtempSync(join(tmpdir(), "casemate-disk-"));
  return {
    path: (...names) => join(directory, ...names),
    [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }),
  };
}

/** All of a disk, `chunk` bytes at a time. */
export function readAll(disk: BlockReader, chunk = 1024 * 1024): Buffer {
  const bytes = Buffer.alloc(disk.size);
  for (let at = 0; at < disk.size; at += chunk) disk.read(at, bytes.subarray(at, at + chunk));
  return bytes;
}
