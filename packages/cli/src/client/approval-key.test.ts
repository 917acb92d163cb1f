import assert from "node:assert/strict";
import { mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { openApprovalKey } from "./approval-key.ts";

test("openApprovalKey: those who make it at once have one key, that its owner alone reads", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "casemate-key-"));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const path = join(directory, "of", "approval-key.pem");
  const keys = await Promise.all(Array.from({ length: 16 }, () => openApprovalKey(path)));
  const again = await openApprovalKey(path);
  assert.deepEqual(new Set(keys.map(({ publicKey }) => publicKey)), new Set([again.publicKey]));
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  assert.deepEqual(await readdir(join(directory, "of")), ["approval-key.pem"]);
  await writeFile(path, "no key");
  await assert.rejects(openApprovalKey(path), { code: "data/damaged" });
});
