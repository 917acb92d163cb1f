import assert from "node:assert/strict";
import { test } from "node:test";
import { formatAddress, formatBytes, gpa, gva, MiB, parseBytes } from "./index.ts";

test("formatBytes: the largest unit that keeps the number readable", () => {
  assert.equal(formatBytes(0), "0 B");
  assert.equal(formatBytes(1536), "1.5 KiB");
  assert.equal(formatBytes(512 * 1024 * 1024), "512 MiB");
});

test("formatAddress: virtual addresses in full width, physical ones as they are", () => {
  assert.equal(formatAddress(gva(-1n)), "0xffffffffffffffff");
  assert.equal(formatAddress(gpa(0x1000)), "0x1000");
});

test("parseBytes: what people write for a size", () => {
  assert.equal(parseBytes("4096"), 4096);
  assert.equal(parseBytes("512M"), 512 * MiB);
  assert.equal(parseBytes("2GiB"), 2 * 1024 * MiB);
  assert.equal(parseBytes("1k"), 1024);
  for (const text of ["", "M", "-1", "1.5G", "2 G", "1e3", "9".repeat(20)]) {
    assert.equal(parseBytes(text), undefined, text);
  }
});
