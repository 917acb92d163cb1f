import assert from "node:assert/strict";
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { test } from "node:test";
import { makeScratch } from "../system.fixture.ts";
import { ReuseDirectory } from "./reuse-directory.ts";

const [one, other] = ["1".repeat(64), "2".repeat(64)];

test("ReuseDirectory: gives what was put, to whoever opens it next", () => {
  using scratch = makeScratch();
  mkdirSync(scratch.path("kept"));
  const directory = scratch.path("kept");
  {
    using store = new ReuseDirectory(directory, [one]);
    assert.equal(store.get(one), undefined);
    store.put(one, Buffer.from("a longer value"));
    store.put(one, Buffer.from("value"));
    store.put(other, Buffer.from("of no key that it was opened for"));
  }
  using store = new ReuseDirectory(directory, [one, other]);
  assert.deepEqual(store.get(one), Buffer.from("value"));
  assert.equal(store.get(other), undefined);
});

test("ReuseDirectory: a file that is cut off, changed or another's is none", () => {
  using scratch = makeScratch();
  mkdirSync(scratch.path("kept"));
  const directory = scratch.path("kept");
  const file = scratch.path("kept", one);
  for (const damage of [
    () => truncateSync(file, 10),
    () => truncateSync(file, 35),
    () => truncateSync(file, 100),
    () => writeFileSync(file, readFileSync(file).fill(0x20, 34, 35)),
    () => writeFileSync(file, ""),
  ]) {
    using store = new ReuseDirectory(directory, [one]);
    store.put(one, Buffer.from("value"));
    assert.deepEqual(store.get(one), Buffer.from("value"));
    damage();
    assert.equal(store.get(one), undefined);
  }
  symlinkSync("/etc/passwd", scratch.path("kept", other));
  assert.throws(() => new ReuseDirectory(directory, [other]), { code: "ELOOP" });
});

test("ReuseDirectory: opens no file but those of digests", () => {
  using scratch = makeScratch();
  mkdirSync(scratch.path("kept"));
  using store = new ReuseDirectory(scratch.path("kept"), ["../outside", "name", one]);
  assert.equal(store.get("name"), undefined);
  assert.deepEqual(readdirSync(scratch.path("kept")), [one]);
});
