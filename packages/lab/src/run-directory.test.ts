import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { makeRunDirectory } from "./run-directory.ts";

const parent = await mkdtemp(path.join(tmpdir(), "casemate-runs-"));
after(() => rm(parent, { recursive: true, force: true }));

test("makeRunDirectory: removes what dead processes left and nothing else", async () => {
  const own = await makeRunDirectory(parent, 0o711);
  await mkdir(path.join(parent, `${process.pid}.1.1/deep`), { recursive: true });
  await mkdir(path.join(parent, "4194305.77.1"));
  await mkdir(path.join(parent, "somebody's"));
  const second = await makeRunDirectory(parent, 0o700);
  assert.deepEqual(
    (await readdir(parent)).sort(),
    [path.basename(own), path.basename(second), "somebody's"].sort(),
  );
  assert.equal((await stat(own)).mode & 0o777, 0o711);
  assert.equal((await stat(second)).mode & 0o777, 0o700);
});
