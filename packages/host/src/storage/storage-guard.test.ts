import assert from "node:assert/strict";
import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { StorageGuard } from "./storage-guard.ts";

let root: string;
let pool: string;
let guard: StorageGuard;

before(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), "casemate-guard-")));
  pool = join(root, "pool");
  await mkdir(join(pool, "sub"), { recursive: true });
  for (const file of ["pool/a.qcow2", "disk.raw", "secret", "poolish"]) {
    await writeFile(join(root, file), "");
  }
  await symlink(join(root, "secret"), join(pool, "to-secret"));
  await symlink(join(root, "nothing"), join(pool, "to-nothing"));
  await symlink(root, join(pool, "up"));
  await symlink(pool, join(root, "alias"));
  guard = await StorageGuard.of([join(root, "alias"), "/nonexistent"], async () => [
    join(root, "disk.raw"),
  ]);
});

after(() => rm(root, { recursive: true, force: true }));

test("StorageGuard: allows what is below its directories, by whatever name", async () => {
  assert.deepEqual(guard.directories, [pool]);
  assert.equal(await guard.readable(join(pool, "a.qcow2")), join(pool, "a.qcow2"));
  assert.equal(await guard.writable(join(root, "alias/sub/new")), join(pool, "sub/new"));
  await assert.rejects(guard.readable(join(pool, "new")), { code: "storage/unknown" });
  await assert.rejects(guard.writable(join(pool, "nosuch/new")), { code: "storage/unknown" });
});

test("StorageGuard: a VM's disk elsewhere may be read, not written", async () => {
  const disk = join(root, "disk.raw");
  assert.equal(await guard.readable(disk), disk);
  await assert.rejects(guard.writable(disk), { code: "storage/outside" });
});

test("StorageGuard: refuses what leads out", async () => {
  for (const path of [
    "/etc/shadow",
    join(root, "secret"),
    join(root, "poolish"),
    pool,
    `${pool}/../secret`,
    `${pool}//a.qcow2`,
    join(pool, "to-secret"),
    join(pool, "to-nothing"),
    join(pool, "up/secret"),
    join(pool, "up/new"),
    "a.qcow2",
    `${pool}/a\0`,
  ]) {
    await assert.rejects(guard.writable(path), { code: "storage/outside" }, path);
    await assert.rejects(guard.readable(path), { code: "storage/outside" }, path);
  }
  const everything = await StorageGuard.of(["/"], async () => []);
  await assert.rejects(everything.readable("/etc/passwd"), { code: "storage/outside" });
});
