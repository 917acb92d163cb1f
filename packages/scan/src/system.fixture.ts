import { execFileSync } from "node:child_process";
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { MiB, milliseconds } from "@casemate/core";
import { type BlockReader, openFileSystem } from "@casemate/formats/disk";
import type { Collector } from "./collector.ts";
import type { Missed } from "./missed.ts";
import { runSections } from "./run-sections.ts";
import { ScanBudget } from "./scan-budget.ts";
import { SystemLook } from "./system-look.ts";
import type { Visitor } from "./visitor.ts";

/** A file of a system that a test makes: its contents, or what else it is. */
export type MadeFile =
  | string
  | Uint8Array
  | { readonly link: string }
  | { readonly directory: true }
  | { readonly copy: string }
  | { readonly mode: number; readonly contents: string };

/** A directory that is gone after the test. */
export function makeScratch(): Disposable & { path(...names: readonly string[]): string } {
  const directory = mkdtempSync(join(tmpdir(), "casemate-scan-"));
  return {
    path: (...names) => join(directory, ...names),
    [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }),
  };
}

/** What a tool prints; it is to succeed. */
export function run(file: string, ...args: readonly string[]): string {
  return execFileSync(file, args, {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
    maxBuffer: 64 * MiB,
    env: {
      ...process.env,
      PATH: `${process.env["PATH"]}:/usr/sbin:/sbin`,
      LC_ALL: "C.UTF-8",
      TZ: "UTC",
    },
  });
}

/** An ext4 file system with `files` by their paths, made by mke2fs with `args`. */
export function makeVolume(
  files: Readonly<Record<string, MadeFile>>,
  {
    sizeMiB = 16,
    args = [],
  }: { readonly sizeMiB?: number; readonly args?: readonly string[] } = {},
): Buffer {
  using scratch = makeScratch();
  const tree = scratch.path("tree");
  mkdirSync(tree);
  for (const [path, file] of Object.entries(files)) writeMade(join(tree, path), file);
  const image = scratch.path("image");
  run("mke2fs", "-q", "-F", "-t", "ext4", "-d", tree, ...args, image, `${sizeMiB}M`);
  return readFileSync(image);
}

function writeMade(path: string, file: MadeFile): void {
  mkdirSync(dirname(path), { recursive: true });
  if (typeof file === "string" || file instanceof Uint8Array) writeFileSync(path, file);
  else if ("link" in file) symlinkSync(file.link, path);
  else if ("directory" in file) mkdirSync(path);
  else if ("copy" in file) cpSync(file.copy, path, { recursive: true });
  else {
    writeFileSync(path, file.contents);
    chmodSync(path, file.mode);
  }
}

/** Bytes as a disk. */
export function diskOf(bytes: Buffer): BlockReader {
  return {
    size: bytes.length,
    read: (offset, target) => target.set(bytes.subarray(offset, offset + target.length)),
  };
}

/** What a collector or a visitor says of a system with `files`, and what it missed. */
export function scanFiles<Row extends object>(
  by: { readonly collector: Collector<Row> } | { readonly visitor: Visitor<Row> },
  files: Readonly<Record<string, MadeFile>>,
  options: { readonly sizeMiB?: number } = {},
): { readonly rows: readonly Row[]; readonly missed: readonly Missed[] } {
  const budget = new ScanBudget(milliseconds(60_000));
  const look = new SystemLook(openFileSystem(diskOf(makeVolume(files, options))), budget);
  const collectors = "collector" in by ? [by.collector] : [];
  const visitors = "visitor" in by ? [by.visitor] : [];
  const only = { title: "rows", columns: [], collectors, visitors };
  const { found } = runSections<{ rows: Row }>(look, { rows: only }, { budget });
  return { rows: found.rows ?? [], missed: look.missed };
}
