import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtemp, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type TestContext, test } from "node:test";
import { promisify } from "node:util";
import { openDataDirectory } from "./data-directory.ts";
import { openStore } from "./store.ts";

const run = promisify(execFile);

async function scratch(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "casemate-store-"));
  t.after(() => rm(path, { recursive: true, force: true }));
  return path;
}

/** A file system of its own that holds `size`. */
async function smallDisk(t: TestContext, size: string): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "casemate-disk-"));
  await run("mount", ["-t", "tmpfs", "-o", `size=${size}`, "tmpfs", path]);
  t.after(async () => {
    await run("umount", [path]);
    await rm(path, { recursive: true });
  });
  return path;
}

test("openStore: keeps rows from one opening to the next, in write-ahead mode", async (t) => {
  const directory = await scratch(t);
  {
    await using store = await openStore(directory);
    await store.db.insertInto("settings").values({ key: "colour", value: "blue" }).execute();
  }
  await using again = await openStore(directory);
  const row = await again.db.selectFrom("settings").selectAll().executeTakeFirst();
  assert.deepEqual({ ...row }, { key: "colour", value: "blue" });
  const other = new DatabaseSync(again.path, { readOnly: true });
  t.after(() => other.close());
  assert.equal(other.prepare("PRAGMA journal_mode").get()?.["journal_mode"], "wal");
});

test("openStore: a reference to a host that is not there is refused", async (t) => {
  await using store = await openStore(await scratch(t));
  const now = new Date().toISOString();
  await assert.rejects(
    store.db
      .insertInto("vms")
      .values({
        uuid: "u",
        host_id: "nosuch",
        name: "n",
        state: "running",
        first_seen: now,
        last_seen: now,
      })
      .execute(),
    /FOREIGN KEY/,
  );
});

test("openStore: bytes that are no database are data/damaged", async (t) => {
  const directory = await scratch(t);
  await writeFile(join(directory, "casemate.db"), randomBytes(8192));
  await assert.rejects(openStore(directory), { code: "data/damaged" });
});

test("openStore: a database cut short is data/damaged", async (t) => {
  const directory = await scratch(t);
  {
    await using store = await openStore(directory);
    await store.verifyWritable();
  }
  const path = join(directory, "casemate.db");
  await truncate(path, (await stat(path)).size - 4096);
  await assert.rejects(openStore(directory), { code: "data/damaged" });
});

test("openDataDirectory: a second one on the same directory names the first", async (t) => {
  const directory = join(await scratch(t), "data");
  const held = await openDataDirectory(directory);
  assert.equal((await stat(directory)).mode & 0o777, 0o700);
  const second = `
    import { openDataDirectory } from ${JSON.stringify(join(import.meta.dirname, "data-directory.ts"))};
    await openDataDirectory(process.argv[1]).catch((error) => console.log(error.code, error.message));`;
  const { stdout } = await run(process.execPath, [
    "--input-type=module",
    "--eval",
    second,
    directory,
  ]);
  assert.match(stdout, /^data\/in-use Cannot open/);
  assert.match(stdout, new RegExp(`process id ${process.pid} `));
  held[Symbol.dispose]();
  (await openDataDirectory(directory))[Symbol.dispose]();
});

test("openDataDirectory: a path under a file is data/not-writable", async (t) => {
  const file = join(await scratch(t), "file");
  await writeFile(file, "");
  await assert.rejects(openDataDirectory(join(file, "data")), { code: "data/not-writable" });
});

const isRoot = process.getuid?.() === 0;

test("openStore: a full file system is disk/full", {
  skip: isRoot ? false : "mounting a small tmpfs needs root",
}, async (t) => {
  const mountPoint = await smallDisk(t, "16k");
  await assert.rejects(openStore(mountPoint), { code: "disk/full" });
});

test("Store.verifyWritable: a file system that fills up later is disk/full", {
  skip: isRoot ? false : "mounting a small tmpfs needs root",
}, async (t) => {
  const mountPoint = await smallDisk(t, "4m");
  await using store = await openStore(mountPoint);
  await store.verifyWritable();
  await assert.rejects(writeFile(join(mountPoint, "ballast"), randomBytes(8 << 20)));
  // The log keeps some room of its own; once that is used up the disk's end is told.
  await assert.rejects(
    async () => {
      for (let i = 0; i < 5000; i++) await store.verifyWritable();
    },
    { code: "disk/full" },
  );
});
