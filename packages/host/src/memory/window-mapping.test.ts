import assert from "node:assert/strict";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { deflate } from "node:zlib";
import { GiB } from "@casemate/core";
import { WindowMapping } from "./window-mapping.ts";

const PAGE = 4096;

/** A mapping of a file of `pages` pages, page `i` filled with `i + 1`; a hole of a page before it. */
function mapFile(pages: number): WindowMapping {
  const directory = mkdtempSync(join(tmpdir(), "casemate-map-"));
  const path = join(directory, "file");
  const bytes = Buffer.alloc(pages * PAGE);
  for (let i = 0; i < pages; i += 1) bytes.fill(i + 1, i * PAGE, (i + 1) * PAGE);
  writeFileSync(path, bytes);
  const fd = openSync(path, "r");
  try {
    const part = { at: PAGE, length: pages * PAGE, fd, offset: 0 };
    return new WindowMapping((pages + 1) * PAGE, [part]);
  } finally {
    closeSync(fd);
    rmSync(directory, { recursive: true });
  }
}

function collectGarbage(): Promise<void> {
  setFlagsFromString("--expose-gc");
  runInNewContext("gc")();
  return new Promise((resolve) => setImmediate(resolve)); // finalizers run in a task of their own
}

test("WindowMapping: the file's bytes, and zeros where nothing is", () => {
  using mapping = mapFile(3);
  assert.equal(mapping.view.byteLength, 4 * PAGE);
  assert.deepEqual(
    [0, 1, 2, 3].map((page) => mapping.view.getUint8(page * PAGE)),
    [0, 1, 2, 3],
  );
});

test("WindowMapping: a view used after disposal throws and never reaches unmapped memory", async () => {
  const mapping = mapFile(3);
  const { view } = mapping;
  const words = new Uint32Array(view.buffer);
  mapping[Symbol.dispose]();
  assert.throws(() => view.getUint8(PAGE), TypeError);
  assert.equal(words.length, 0);
  await collectGarbage();
  assert.throws(() => view.getUint8(PAGE), TypeError);
});

test("WindowMapping: a buffer that somebody moved elsewhere reads as zeros after disposal", async () => {
  const mapping = mapFile(3);
  const { buffer } = mapping.view;
  assert.ok(buffer instanceof ArrayBuffer);
  const moved = new DataView(buffer.transfer());
  assert.equal(moved.getUint8(PAGE), 1);
  mapping[Symbol.dispose]();
  await collectGarbage();
  assert.equal(moved.getUint8(PAGE), 0);
});

test("WindowMapping: disposal during a native call that reads it harms nothing", async () => {
  let mapping: WindowMapping | undefined = mapFile(4096);
  const bytes = new Uint8Array(mapping.view.buffer);
  const compressed = new Promise((resolve) => deflate(bytes, (_, result) => resolve(result)));
  mapping[Symbol.dispose]();
  mapping = undefined;
  await collectGarbage();
  await compressed;
});

test("WindowMapping: the addresses are given back once nobody can hold them", async () => {
  const before = readVirtualBytes();
  for (let i = 0; i < 64; i += 1) {
    using mapping = new WindowMapping(GiB, []);
    assert.equal(mapping.view.getUint8(GiB - 1), 0);
  }
  assert.ok(readVirtualBytes() - before > 60 * GiB);
  await collectGarbage();
  assert.ok(readVirtualBytes() - before < 8 * GiB);
});

/** VmSize of proc_pid_status(5). */
function readVirtualBytes(): number {
  const match = /^VmSize:\s+(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8"));
  return Number(match?.[1]) * 1024;
}
