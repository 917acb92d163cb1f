import assert from "node:assert/strict";
import { test } from "node:test";
import { formatAddress, formatBytes, gpa, gva } from "./index.ts";

test("formatBytes: the largest unit that keeps the number readable", () => {
  assert.equal(formatBytes(0), "0 B");
  assert.equal(formatBytes(1536), "1.5 KiB");
  assert.equal(formatBytes(512 * 1024 * 1024), "512 MiB");
});

test("formatAddress: virtual addresses in full width, physical ones as they are", () => {
  assert.equal(formatAddress(gva(-1n)), "0xffffffffffffffff");
  assert.equal(formatAddress(gpa(0x1000)), "0x1000");
});
