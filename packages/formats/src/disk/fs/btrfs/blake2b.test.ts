import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { blake2b256 } from "./blake2b.ts";

test("blake2b256: what b2sum makes, of lengths around those of its blocks", () => {
  const noise = Buffer.from(Array.from({ length: 5000 }, (_, at) => Math.imul(at, 0x9e37) >>> 5));
  for (const length of [0, 1, 127, 128, 129, 255, 256, 257, 4064, 4096, 5000]) {
    const input = noise.subarray(0, length);
    const said = execFileSync("b2sum", ["--length=256"], { input, encoding: "utf8" });
    assert.equal(Buffer.from(blake2b256(input)).toString("hex"), said.split(" ")[0]);
  }
});
