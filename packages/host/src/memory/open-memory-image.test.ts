import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { GiB } from "@casemate/core";
import { openMemoryImage } from "./open-memory-image.ts";

const directory = mkdtempSync(join(tmpdir(), "casemate-image-"));
after(() => rmSync(directory, { recursive: true }));

function write(name: string, bytes: Uint8Array | string): string {
  const path = join(directory, name);
  writeFileSync(path, bytes);
  return path;
}

/** One LiME range whose pages hold `fill`. */
function lime(start: number, length: number, fill: number): Buffer {
  const header = Buffer.alloc(32);
  header.writeUInt32LE(0x4c694d45, 0);
  header.writeUInt32LE(1, 4);
  header.writeBigUInt64LE(BigInt(start), 8);
  header.writeBigUInt64LE(BigInt(start + length - 1), 16);
  return Buffer.concat([header, Buffer.alloc(length, fill)]);
}

test("openMemoryImage: a raw image, byte for byte", async () => {
  const path = write("raw", Buffer.concat([Buffer.alloc(4096, 1), Buffer.alloc(8192, 2)]));
  await using memory = await openMemoryImage(path);
  assert.deepEqual(memory.ranges, [{ start: 0, end: 12288 }]);
  assert.equal(memory.live, false);
  assert.equal(memory.window(0)?.byteLength, 12288);
  assert.equal(memory.window(0)?.getUint8(4095), 1);
  assert.equal(memory.window(0)?.getUint8(12287), 2);
  assert.equal(memory.window(1), undefined);
});

test("openMemoryImage: a sparse raw image of more than one window takes no room to read", async () => {
  const path = write("sparse", "");
  truncateSync(path, 5 * GiB + 4096);
  await using memory = await openMemoryImage(path);
  assert.equal(memory.window(5)?.byteLength, 4096);
  assert.equal(memory.window(4)?.getUint32(GiB - 4, true), 0);
});

test("openMemoryImage: a LiME file's ranges, and nothing in between", async () => {
  const file = Buffer.concat([lime(0x1000, 0x2000, 7), lime(0x9000, 0x1000, 9)]);
  await using memory = await openMemoryImage(write("lime", file));
  assert.deepEqual(memory.ranges, [
    { start: 0x1000, end: 0x3000 },
    { start: 0x9000, end: 0xa000 },
  ]);
  const pages = Array.from({ length: 11 }, (_, page) => memory.window(page)?.getUint8(4095));
  const none = undefined;
  assert.deepEqual(pages, [none, 7, 7, none, none, none, none, none, none, 9, none]);
});

test("openMemoryImage: what is no readable file is unreadable, and a FIFO does not block", async () => {
  const fifo = join(directory, "fifo");
  execFileSync("mkfifo", [fifo]);
  for (const path of [directory, fifo, "/dev/zero", join(directory, "none"), write("empty", "")]) {
    await assert.rejects(openMemoryImage(path), { code: "dump/unreadable" }, path);
  }
});

test("openMemoryImage: what was cut short is truncated", async () => {
  const whole = lime(0x1000, 0x2000, 7);
  for (const path of [
    write("odd", Buffer.alloc(5000)),
    write("lime-data", whole.subarray(0, 0x1800)),
    write("lime-header", Buffer.concat([whole, whole.subarray(0, 20)])),
    write("elf", Buffer.from("\x7fELF\x02\x01\x01", "latin1")),
  ]) {
    await assert.rejects(openMemoryImage(path), { code: "dump/truncated" }, path);
  }
});

test("openMemoryImage: other formats are named and refused", async () => {
  for (const [magic, name] of [
    ["QFI\xfb", /qcow2/],
    ["PK\x03\x04", /zip/],
    ["\x1f\x8b", /gzip/],
    ["\x7fELF\x01", /ELF/],
  ] as const) {
    const path = write("other", Buffer.concat([Buffer.from(magic, "latin1"), Buffer.alloc(4096)]));
    await assert.rejects(openMemoryImage(path), { code: "dump/unknown-format", message: name });
  }
});

test("openMemoryImage: a file that shrinks after it was opened is truncated where it is copied", async () => {
  const path = write("shrinks", lime(0, 0x40000, 7));
  await using memory = await openMemoryImage(path);
  assert.equal(memory.window(0)?.getUint8(0), 7);
  truncateSync(path, 0x20000);
  assert.equal(memory.window(0x1e)?.getUint8(0), 7);
  assert.throws(() => memory.window(0x20), { code: "dump/truncated" });
  assert.equal(memory.window(0)?.getUint8(0), 7);
});
