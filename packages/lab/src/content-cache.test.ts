import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { cachedDirectory } from "./content-cache.ts";

const root = await mkdtemp(path.join(tmpdir(), "casemate-cache-"));
after(() => rm(root, { recursive: true, force: true }));

test("cachedDirectory: two callers at once build once and get the same", async () => {
  let builds = 0;
  const build = async (directory: string) => {
    builds += 1;
    await writeFile(path.join(directory, "file"), String(builds));
  };
  const found = await Promise.all([1, 2, 3].map(() => cachedDirectory(root, "once", build)));
  assert.equal(builds, 1);
  assert.deepEqual(new Set(found), new Set([path.join(root, "once")]));
  assert.equal(await readFile(path.join(root, "once", "file"), "utf8"), "1");
});

test("cachedDirectory: a failed build leaves nothing and can be repeated", async () => {
  const failing = cachedDirectory(root, "failing", async (directory) => {
    await writeFile(path.join(directory, "half"), "");
    throw new RangeError("half way");
  });
  await assert.rejects(failing, RangeError);
  assert.ok(!(await readdir(root)).some((name) => name.includes("failing")));
  await cachedDirectory(root, "failing", async () => {});
  assert.ok((await readdir(root)).includes("failing"));
});

test("cachedDirectory: waiting for another builder ends with the signal", async () => {
  const begun = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  const first = cachedDirectory(root, "slow", () => {
    begun.resolve();
    return release.promise;
  });
  await begun.promise;
  const second = cachedDirectory(root, "slow", async () => {}, AbortSignal.timeout(50));
  await assert.rejects(second, { code: "cancelled" });
  release.resolve();
  await first;
});
