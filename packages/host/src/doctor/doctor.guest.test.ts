import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { capabilities } from "./capabilities.ts";
import { checkCapabilities } from "./check-capabilities.ts";

test("capabilities: each tells of this host in a sentence, and how it is fixed in a command", async (context) => {
  const dataDirectory = await mkdtemp(join(tmpdir(), "casemate-doctor-"));
  context.after(() => rm(dataDirectory, { recursive: true }));
  const seen = new Map<string, string>();
  for await (const checked of checkCapabilities(capabilities, { dataDirectory })) {
    context.diagnostic(`${checked.id}: ${checked.state}: ${checked.detail}`);
    assert.match(checked.detail, /[^.\s]$/, checked.id);
    if (checked.state !== "ok") assert.notEqual(checked.fix, "", checked.id);
    seen.set(checked.id, checked.state);
  }
  assert.equal(seen.size, capabilities.length, "ids are unique");
  // What these tests run on works, or they would not have got here.
  for (const id of ["qemu", "libvirt", "node"]) assert.equal(seen.get(id), "ok", id);
});
