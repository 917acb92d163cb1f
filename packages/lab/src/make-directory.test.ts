import assert from "node:assert/strict";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { makeDirectory } from "./make-directory.ts";

const root = await mkdtemp(path.join(tmpdir(), "casemate-directory-"));
after(() => rm(root, { recursive: true, force: true }));

test("makeDirectory: what it makes can be entered by all, what was there stays as it was", async (t) => {
  const umask = process.umask(0o077);
  t.after(() => process.umask(umask));
  await makeDirectory(path.join(root, "a/b"));
  await makeDirectory(path.join(root, "a/b"));
  const modes = ["", "a", "a/b"].map(
    async (name) => (await stat(path.join(root, name))).mode & 0o777,
  );
  assert.deepEqual(await Promise.all(modes), [0o700, 0o755, 0o755]);
});
