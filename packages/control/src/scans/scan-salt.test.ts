import assert from "node:assert/strict";
import { mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { scanSaltIn } from "./scan-salt.ts";

let directory: string;
before(async () => {
  directory = await mkdtemp(join(tmpdir(), "casemate-salt-"));
});
after(() => rm(directory, { recursive: true }));

test("scanSaltIn: one salt for all time, its owner's alone; a damaged one is not replaced", async () => {
  const path = join(directory, "scan-salt");
  const read = scanSaltIn(directory);
  assert.deepEqual(await readdir(directory), []);
  const [one, other] = await Promise.all([read(), read()]);
  assert.deepEqual(one, other);
  assert.equal(one.length, 32);
  assert.deepEqual(Buffer.from(await scanSaltIn(directory)()), Buffer.from(one));
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  assert.deepEqual(await readdir(directory), ["scan-salt"]);
  await writeFile(path, "short");
  await assert.rejects(scanSaltIn(directory)(), { code: "data/damaged" });
  await rm(path);
  await assert.rejects(scanSaltIn(join(directory, "none"))(), { code: "data/not-writable" });
});
