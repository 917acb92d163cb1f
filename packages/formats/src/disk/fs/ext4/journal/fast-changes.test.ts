import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { crc32c } from "../../../../crc32c.ts";
import { BytesReader } from "../../../bytes-reader.ts";
import { FastChanges } from "./fast-changes.ts";
import type { JournalSuperblock } from "./journal-superblock.ts";
import { readFastCommits } from "./read-fast-commits.ts";

const BLOCK = 1024;
const shape: JournalSuperblock = {
  ...{ blockSize: BLOCK, first: 1, end: 4, start: 1, sequence: 7, isWide: true },
  ...{ checksum: "v3", checksumSeed: 0, fastCommits: 0 },
};

function tag(number: number, value: Buffer): Buffer {
  const header = Buffer.alloc(4);
  header.writeUInt16LE(number, 0);
  header.writeUInt16LE(value.length, 2);
  return Buffer.concat([header, value]);
}

function words(...values: readonly number[]): Buffer {
  return Buffer.from(Uint32Array.from(values).buffer);
}

/** A block of fast commits, with its checksum, and one that is of nothing. */
function commit(...tags: readonly Buffer[]): BytesReader {
  const head = Buffer.concat([tag(9, words(0, 7)), ...tags]);
  const tail = tag(8, words(7, 0));
  tail.writeUInt16LE(BLOCK - head.length - 4, 2);
  const block = Buffer.concat([head, tail], BLOCK);
  const crc = crc32c(0, block.subarray(0, head.length + 8));
  block.writeUInt32LE(crc, head.length + 8);
  return new BytesReader(Buffer.concat([block, Buffer.alloc(BLOCK)]));
}

test("readFastCommits: what ends with the right checksum, of the right transaction", () => {
  const name = Buffer.concat([words(2, 12), Buffer.from("name")]);
  const sound = commit(tag(3, name), tag(1, words(12, 5, 3, 900)));
  assert.deepEqual(readFastCommits(sound, shape, 7), {
    commits: 1,
    changes: [
      { kind: "create", parent: 2, inode: 12, name: "name" },
      { kind: "range", inode: 12, first: 5, count: 3, physical: 900 },
    ],
    problem: undefined,
  });
  assert.equal(readFastCommits(sound, shape, 8).commits, 0);
  assert.equal(readFastCommits(sound, { ...shape, fastCommits: undefined }, 7).commits, 0);
  const changed = Buffer.alloc(2 * BLOCK);
  sound.read(0, changed);
  changed.writeUInt8(1, 17);
  const { commits, problem } = readFastCommits(new BytesReader(changed), shape, 7);
  assert.deepEqual([commits, problem], [0, "a damaged fast commit"]);
});

test("readFastCommits: tags that no kernel writes", () => {
  for (const tags of [
    [tag(1, Buffer.alloc(3))],
    [tag(3, words(2, 12))],
    [tag(6, Buffer.alloc(20))],
    [tag(0xffff, Buffer.alloc(0))],
    [tag(9, words(1, 7))],
  ]) {
    assert.deepEqual(readFastCommits(commit(...tags), shape, 7).changes, []);
  }
});

test("FastChanges: a block of a file is where the last range has it", () => {
  const range = fc.record({
    first: fc.nat(60),
    count: fc.nat(20),
    physical: fc.option(fc.nat(1000), { nil: undefined }),
  });
  const property = fc.property(fc.array(range, { maxLength: 20 }), (ranges) => {
    const changes = ranges.map((each) => ({ kind: "range", inode: 12, ...each }) as const); // its kind
    const findRun = new FastChanges(changes).runs(12, (logical) => {
      return { physical: 5000 + logical, count: 100 - logical };
    });
    for (let logical = 0; logical < 100; logical += 1) {
      const last = ranges.findLast(
        ({ first, count }) => first <= logical && logical < first + count,
      );
      const expected = last === undefined ? 5000 + logical : last.physical;
      const offset = last?.physical === undefined ? 0 : logical - last.first;
      const { physical, count } = findRun(logical);
      assert.equal(physical, expected === undefined ? undefined : expected + offset);
      assert.ok(count >= 1 && logical + count <= 100);
      // All of a run is where its start says.
      const end = findRun(logical + count - 1).physical;
      assert.equal(end, physical === undefined ? undefined : physical + count - 1);
    }
  });
  fc.assert(property);
});

test("FastChanges: names that are moved, and given to another file", () => {
  const changes = new FastChanges([
    { kind: "link", parent: 2, inode: 12, name: "new" },
    { kind: "unlink", parent: 2, inode: 12, name: "old" },
    { kind: "unlink", parent: 2, inode: 13, name: "kept" },
    { kind: "create", parent: 2, inode: 20, name: "directory" },
    { kind: "create", parent: 20, inode: 21, name: "file" },
  ]);
  const before = [
    { name: "old", inode: 12 },
    { name: "kept", inode: 14 },
  ];
  const names = (directory: number) =>
    [...changes.entries(directory, before)].map(({ name, inode }) => `${name} ${inode}`);
  assert.deepEqual(names(2), ["kept 14", "new 12", "directory 20"]);
  assert.deepEqual(names(20), ["file 21"]);
  assert.deepEqual(names(30), ["old 12", "kept 14"]);
});
