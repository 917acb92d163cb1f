import assert from "node:assert/strict";
import { test } from "node:test";
import { ReadTrace } from "../trace/read-trace.ts";
import { noteRead, traceReads } from "../trace/trace-reads.ts";
import type { DirectoryEntry, FileNode, FileType } from "./file-node.ts";
import { FileSystem } from "./file-system.ts";

/** A file of a system that is made up; what tells of it is at byte `inode * 10` of the disk. */
function fileOf(inode: number, type: FileType, entries: () => Iterable<DirectoryEntry>): FileNode {
  const times = { modifiedMs: 0, changedMs: 0 };
  const owner = { mode: 0o755, uid: 0, gid: 0, size: 0, links: 1, encrypted: false };
  return {
    stat: { inode, type, ...owner, ...times },
    entries,
    contents: () => assert.fail("none has any"),
    target: () => assert.fail("none is a link"),
  };
}

const empty = (inode: number): FileNode => fileOf(inode, "file", () => []);

function systemOf(entries: () => Iterable<DirectoryEntry>): FileSystem {
  const root = fileOf(2, "directory", entries);
  return new FileSystem({ type: "made", label: "", uuid: "", isDirty: false, root });
}

test("FileSystem.find: the first file of a name; a directory is read once for all paths", () => {
  let listings = 0;
  const files = systemOf(function* () {
    listings += 1;
    for (const inode of [10, 11]) yield { name: "a", open: () => empty(inode) };
    yield { name: "b", open: () => empty(12) };
  });
  assert.deepEqual(
    ["/a", "b", "/./a"].map((path) => files.stat(path).inode),
    [10, 12, 10],
  );
  assert.throws(() => files.find("/c"), { code: "disk/not-found" });
  assert.equal(listings, 1);
});

test("FileSystem.find: what a damaged directory still tells; of others its damage", () => {
  const damage = new Error("damaged");
  const files = systemOf(function* () {
    yield { name: "a", open: () => empty(10) };
    throw damage;
  });
  assert.equal(files.stat("/a").inode, 10);
  assert.throws(() => files.find("/b"), damage);
});

test("FileSystem.find: each name of a directory with more than are kept", () => {
  const files = systemOf(function* () {
    for (let i = 0; i < 60_000; i += 1) yield { name: `${i}`, open: () => empty(i + 10) };
  });
  assert.equal(files.stat("/59999").inode, 60_009);
  assert.equal(files.stat("/0").inode, 10);
});

test("FileSystem.find: where names lead is noted, or the bytes that tell so", () => {
  const files = systemOf(function* () {
    noteRead(20, 30);
    yield {
      name: "a",
      open: () => {
        noteRead(100, 110);
        return empty(10);
      },
    };
  });
  for (let again = 0; again < 2; again += 1) {
    const [plain, names] = [new ReadTrace(), new ReadTrace({ takesLookups: true })];
    for (const trace of [plain, names]) traceReads(trace, () => files.find("/a"));
    assert.deepEqual([plain.spans, plain.lookups], [[20, 30, 100, 110], undefined]);
    assert.deepEqual([names.spans, names.lookups], [[], new Map([["/a", "10 file"]])]);
  }
  assert.deepEqual(
    ["/a", "/b", "/b/c"].map((path) => files.lookUp(path)),
    ["10 file", "", undefined],
  );
});
