import assert from "node:assert/strict";
import { test } from "node:test";
import { flagBits } from "./flags.ts";

test("flagBits: names become libvirt's bits", () => {
  assert.equal(flagBits("create", []), 0);
  assert.equal(flagBits("create", ["paused", "forceBoot"]), 0x9);
  assert.equal(flagBits("coreDump", ["memoryOnly", "live"]), 0x12);
  assert.equal(flagBits("undefine", ["keepTpm", "managedSave"]), 0x41);
});
