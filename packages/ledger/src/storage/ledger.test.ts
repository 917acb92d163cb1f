import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { statfsSync } from "node:fs";
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { promisify } from "node:util";
import { canonicalJson, type JsonValue, milliseconds } from "@casemate/core";
import { draft, origin, scratch } from "../../test/scratch.ts";
import { checkLedger } from "../check/check-ledger.ts";
import { listFiles } from "../check/list-files.ts";
import type { Fact } from "../facts/fact.ts";
import { leafHash } from "../merkle/hashes.ts";
import { treeRoot } from "../merkle/tree-root.ts";
import { Ledger } from "./ledger.ts";
import { LedgerReader } from "./ledger-reader.ts";

const isRoot = process.getuid?.() === 0;
const run = promisify(execFile);

async function append(ledger: Ledger, from: number, to: number): Promise<readonly Fact[]> {
  return await Promise.all(
    Array.from({ length: to - from }, (_, i) => ledger.append(draft(from + i))),
  );
}

/** A file system of its own, so small that it is soon full. */
async function smallDisk(t: TestContext, size: string): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "casemate-disk-"));
  await run("mount", ["-t", "tmpfs", "-o", `size=${size}`, "tmpfs", path]);
  t.after(async () => {
    await run("umount", [path]);
    await rm(path, { recursive: true });
  });
  return path;
}

test("Ledger.append: facts come back as recorded, before and after a checkpoint, and after reopening", async (t) => {
  const directory = await scratch(t);
  const recorded: Fact[] = [];
  for (const [from, to] of [
    [0, 3],
    [3, 255],
    [255, 256],
    [256, 700],
  ] as const) {
    await using ledger = await Ledger.open(directory, { origin });
    assert.equal(ledger.size, from);
    const facts = await append(ledger, from, to);
    recorded.push(...facts);
    assert.deepEqual(
      facts.map(({ index }) => index),
      facts.map((_, i) => from + i),
    );
    assert.deepEqual(await ledger.read(from), recorded[from]);
    const { size } = await ledger.checkpoint();
    assert.equal(size, to);
    assert.deepEqual(await ledger.read(from), recorded[from]);
    assert.deepEqual(await Array.fromAsync(ledger.walk()), recorded);
    assert.deepEqual(await Array.fromAsync(ledger.walk(1, 3)), recorded.slice(1, 3));
  }
  const reader = await LedgerReader.open(directory);
  assert.deepEqual(await Array.fromAsync(reader.walk(250, 260)), recorded.slice(250, 260));
  assert.deepEqual(await reader.read(699), recorded[699]);
  await assert.rejects(reader.read(700), { code: "ledger/not-found" });
  assert.deepEqual((await checkLedger(directory)).damages, []);
});

test("Ledger.append: a leaf is the fact's canonical JSON without its sealed bodies, and the root is over them", async (t) => {
  const directory = await scratch(t);
  await using ledger = await Ledger.open(directory, { origin });
  const facts = await append(ledger, 0, 20);
  const leaves = facts.map(
    ({ sealed: _sealed, ...leaf }) => Buffer.from(canonicalJson(leaf as unknown as JsonValue)), // a fact is JSON
  );
  const { root } = await ledger.checkpoint();
  assert.deepEqual(Buffer.from(root), Buffer.from(treeRoot(leaves.map((leaf) => leafHash(leaf)))));
});

test("Ledger.append: what is no fact is refused, and the others are recorded", async (t) => {
  await using ledger = await Ledger.open(await scratch(t), { origin });
  const long = "x".repeat(70_000);
  const wrong = [
    { ...draft(1), kind: "Started" },
    { ...draft(1), kind: "ledger/redacted" },
    { ...draft(1), actor: "" },
    { ...draft(1), body: { long } },
    { ...draft(1), sealed: { long } },
    { ...draft(1), body: { half: "\ud800" } },
    { ...draft(1), body: [] as unknown as { [key: string]: JsonValue } }, // what a caller without types may pass
  ];
  const outcomes = await Promise.allSettled(
    [...wrong, draft(2)].map((each) => ledger.append(each)),
  );
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    [...wrong.map(() => "rejected"), "fulfilled"],
  );
  for (const each of outcomes.slice(0, -1)) {
    assert.equal(each.status === "rejected" && each.reason.code, "ledger/invalid-fact");
  }
  assert.equal(ledger.size, 1);
});

test("Ledger.append: a draft that is changed afterwards does not change the fact", async (t) => {
  await using ledger = await Ledger.open(await scratch(t), { origin });
  const body = { state: "running" };
  const sealed = { why: { words: ["one"] } };
  await ledger.append({ ...draft(1), body, sealed });
  body.state = "stopped";
  sealed.why.words.push("two");
  for (let i = 0; i < 2; i += 1) {
    const fact = await ledger.read(0);
    assert.deepEqual(fact.body, { state: "running" });
    assert.deepEqual(fact.sealed, { why: { words: ["one"] } });
    await ledger.checkpoint();
  }
});

test("Ledger.append: a clock that is set back changes no order", async (t) => {
  const times = [
    "2026-05-01T00:00:00.000Z",
    "2026-05-01T00:00:01.000Z",
    "1999-12-31T23:59:59.999Z",
  ];
  const directory = await scratch(t);
  let now = 0;
  await using ledger = await Ledger.open(directory, {
    origin,
    now: () => new Date(times[now++] ?? ""),
  });
  for (const i of times.keys()) await ledger.append(draft(i));
  const facts = await Array.fromAsync(ledger.walk());
  assert.deepEqual(
    facts.map(({ index }) => index),
    [0, 1, 2],
  );
  assert.deepEqual(
    facts.map(({ time }) => time),
    times,
  );
  assert.deepEqual((await checkLedger(directory)).damages, []);
});

test("Ledger: makes checkpoints by itself, soon after a fact", async (t) => {
  const directory = await scratch(t);
  await using ledger = await Ledger.open(directory, { origin, checkpointAfter: milliseconds(1) });
  await ledger.append(draft(1));
  while ((await LedgerReader.open(directory)).size === 0) await new Promise(setImmediate);
});

test("Ledger: a journal that was begun in advance holds nothing, and stays behind only after a kill", async (t) => {
  const directory = await scratch(t);
  const copy = `${directory}.copy`;
  t.after(() => rm(copy, { recursive: true, force: true }));
  const journals = (of: string) => readdir(join(of, "journal"));
  {
    await using ledger = await Ledger.open(directory, { origin, checkpointAfter: milliseconds(1) });
    await ledger.append(draft(0));
    while (!(await journals(directory)).includes("0000000000000001"))
      await new Promise(setImmediate);
    await run("cp", ["-a", directory, copy]);
    assert.equal((await ledger.append(draft(1))).index, 1);
  }
  assert.deepEqual(await journals(directory), []);
  assert.deepEqual((await checkLedger(directory)).damages, []);
  assert.deepEqual((await checkLedger(copy)).damages, []);
  await using ledger = await Ledger.open(copy, { origin });
  assert.equal(ledger.size, 1);
  assert.deepEqual(await journals(copy), []);
});

test("Ledger.open: one writer at a time, another log's directory and a missing key are refused", async (t) => {
  const directory = await scratch(t);
  {
    await using ledger = await Ledger.open(directory, { origin });
    await assert.rejects(Ledger.open(directory, { origin }), { code: "data/in-use" });
    await ledger.append(draft(1));
  }
  await assert.rejects(Ledger.open(directory, { origin: "other.test" }), { code: "usage" });
  const key = join(directory, "signing-key");
  assert.equal((await stat(key)).mode & 0o777, 0o600);
  await chmod(key, 0o640);
  await assert.rejects(Ledger.open(directory, { origin }), { code: "ledger/key-unusable" });
  await rm(key);
  await assert.rejects(Ledger.open(directory, { origin }), { code: "ledger/key-unusable" });
  await rm(join(directory, "checkpoint"));
  await assert.rejects(Ledger.open(directory, { origin }), { code: "ledger/damaged" });
});

test("Ledger.rotateKey: the old key vouches for the new one and is gone; the log goes on", async (t) => {
  const directory = await scratch(t);
  const readKey = () => readFile(join(directory, "signing-key"), "utf8");
  await using ledger = await Ledger.open(directory, { origin });
  const before = await readKey();
  await append(ledger, 0, 10);
  const fact = await ledger.rotateKey("account:alice");
  await append(ledger, 10, 20);
  await Promise.all([ledger.rotateKey("account:bob"), ledger.rotateKey("account:carol")]);
  assert.equal(ledger.keys.length, 4);
  assert.equal(ledger.keys[1]?.key.text, fact.body["newKey"]);
  assert.notEqual(await readKey(), before);
  for (const path of await listFiles(directory)) {
    assert.ok(!(await readFile(join(directory, path), "utf8")).includes(before.trim()), path);
  }
  assert.deepEqual((await checkLedger(directory)).damages, []);
});

test("Ledger.rotateKey: interrupted at any step, it comes to its end or never was", async (t) => {
  const directory = await scratch(t);
  const key = join(directory, "signing-key");
  {
    await using ledger = await Ledger.open(directory, { origin });
    await append(ledger, 0, 3);
  }
  // Before the fact: a key that nobody vouches for is of no use.
  await writeFile(`${key}.next`, await readFile(key), { mode: 0o600 });
  {
    await using ledger = await Ledger.open(directory, { origin });
    await ledger.append(draft(3));
    assert.equal(ledger.keys.length, 1);
    await ledger.rotateKey("system");
  }
  assert.deepEqual((await checkLedger(directory)).damages, []);
});

test("Ledger.redact: the bytes are gone from every file, and everything still verifies", async (t) => {
  const directory = await scratch(t);
  const secret = "the tenant's own words";
  {
    await using ledger = await Ledger.open(directory, { origin });
    await append(ledger, 0, 300);
    const { index } = await ledger.append({ ...draft(1), sealed: { words: secret, other: 1 } });
    await ledger.redact(index, { actor: "account:dpo", reason: "asked to", names: ["words"] });
    assert.deepEqual((await ledger.read(index)).sealed, { other: 1 });
    await assert.rejects(
      ledger.redact(index, { actor: "account:dpo", reason: "again", names: ["words"] }),
      { code: "ledger/not-found" },
    );
    await ledger.redact(0, { actor: "account:dpo", reason: "all of it" });
    assert.equal((await ledger.read(0)).sealed, undefined);
    assert.deepEqual((await ledger.read(301)).body, {
      index: 300,
      names: ["words"],
      reason: "asked to",
    });
    assert.deepEqual((await checkLedger(directory)).damages, []);
    for (const path of await listFiles(directory)) {
      assert.ok(!(await readFile(join(directory, path))).includes(secret), path);
    }
  }
  assert.deepEqual((await checkLedger(directory)).damages, []);
});

test("Ledger: a full disk refuses facts, and once there is room everything goes on", {
  skip: isRoot ? false : "mounting a small tmpfs needs root",
}, async (t) => {
  const disk = await smallDisk(t, "1m");
  const directory = join(disk, "ledger");
  const recorded: Fact[] = [];
  {
    await using ledger = await Ledger.open(directory, {
      origin,
      checkpointAfter: milliseconds(60_000),
    });
    recorded.push(...(await append(ledger, 0, 10)));
    const { bavail, bsize } = statfsSync(disk);
    await writeFile(join(disk, "filler"), Buffer.alloc(bavail * bsize - 16 * 1024));
    let refused = 0;
    for (let i = 10; refused < 20; i += 1) {
      const outcomes = await Promise.allSettled([ledger.append(draft(i)), ledger.append(draft(i))]);
      for (const outcome of outcomes) {
        if (outcome.status === "fulfilled") recorded.push(outcome.value);
        else {
          assert.equal(outcome.reason.code, "disk/full");
          refused += 1;
        }
      }
    }
    await assert.rejects(ledger.checkpoint(), { code: "disk/full" });
    assert.equal(ledger.size, recorded.length);
    assert.deepEqual(await Array.fromAsync(ledger.walk()), recorded);
    await rm(join(disk, "filler"));
    recorded.push(...(await append(ledger, 10, 50)));
  }
  await using ledger = await Ledger.open(directory, { origin });
  assert.deepEqual(await Array.fromAsync(ledger.walk()), recorded);
  assert.deepEqual((await checkLedger(directory)).damages, []);
});

test("Ledger: a directory that became read-only refuses facts", {
  skip: isRoot ? false : "mounting a small tmpfs needs root",
}, async (t) => {
  const disk = await smallDisk(t, "1m");
  const directory = join(disk, "ledger");
  {
    await using ledger = await Ledger.open(directory, { origin });
    await append(ledger, 0, 10);
  }
  await run("mount", ["-o", "remount,ro", disk]);
  await assert.rejects(Ledger.open(directory, { origin }), { code: "data/not-writable" });
  assert.equal((await LedgerReader.open(directory)).size, 10);
  assert.deepEqual((await checkLedger(directory)).damages, []);
  await run("mount", ["-o", "remount,rw", disk]);
  await using ledger = await Ledger.open(directory, { origin });
  assert.equal((await ledger.append(draft(10))).index, 10);
});

test("Ledger.open: a torn journal loses nothing that was acknowledged, and a fact says that it was cut", async (t) => {
  const directory = await scratch(t);
  const copy = `${directory}.copy`;
  t.after(() => rm(copy, { recursive: true, force: true }));
  {
    await using ledger = await Ledger.open(directory, { origin });
    await append(ledger, 0, 5);
    await run("cp", ["-a", directory, copy]);
  }
  const journal = join(copy, "journal", "0000000000000000");
  await writeFile(journal, Buffer.concat([await readFile(journal), Buffer.of(0, 0, 1)]));
  assert.match(String((await checkLedger(copy)).damages[0]?.problem), /not written to its end/);
  await using ledger = await Ledger.open(copy, { origin });
  assert.equal(ledger.size, 6);
  const fact = await ledger.read(5);
  assert.equal(fact.kind, "ledger/recovered");
  assert.deepEqual(fact.body, { tornBytes: 3 });
  assert.deepEqual((await checkLedger(copy)).damages, []);
});
