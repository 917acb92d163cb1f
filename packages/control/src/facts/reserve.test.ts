import assert from "node:assert/strict";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { CasemateError } from "@casemate/core";
import { Reserve } from "./reserve.ts";

async function scratch(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "casemate-reserve-"));
  t.after(() => rm(path, { recursive: true, force: true }));
  return path;
}

const full = new CasemateError("disk/full", "Cannot write: no space is left on its file system.");

test("Reserve: is given up to what finds the disk full, and is there again before anything new", async (t) => {
  const directory = await scratch(t);
  const path = join(directory, "reserve");
  const reserve = new Reserve(directory);
  await reserve.hold();
  assert.equal((await stat(path)).size, 1024 * 1024);
  const there = () => stat(path).then(Boolean, () => false);
  const ended = await reserve.spend(async () => {
    if (await there()) throw full;
    await assert.rejects(reserve.hold(), { code: "disk/full" });
    return "ended";
  });
  assert.equal(ended, "ended");
  assert.equal(await there(), false);
  await reserve.hold();
  assert.equal(await there(), true);
});

test("Reserve: what fails otherwise, or even so, fails as it did", async (t) => {
  const directory = await scratch(t);
  const reserve = new Reserve(directory);
  await reserve.hold();
  const other = new CasemateError("data/not-writable", "Cannot write: EROFS.");
  await assert.rejects(
    reserve.spend(() => Promise.reject(other)),
    other,
  );
  assert.ok(await stat(join(directory, "reserve")));
  await assert.rejects(
    reserve.spend(() => Promise.reject(full)),
    full,
  );
  await rm(directory, { recursive: true });
  await assert.rejects(reserve.hold(), { code: "data/not-writable" });
});
