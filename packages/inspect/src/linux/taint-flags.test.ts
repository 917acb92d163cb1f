import assert from "node:assert/strict";
import { test } from "node:test";
import { taintFlags } from "./taint-flags.ts";

test("taintFlags: letters by bit", () => {
  assert.equal(taintFlags(0), "");
  assert.equal(taintFlags(1), "P");
  assert.equal(taintFlags((1 << 12) | (1 << 13)), "OE");
  assert.equal(taintFlags((1 << 9) | (1 << 18)), "WN");
  assert.equal(taintFlags(0x8000_0000), "?");
});
