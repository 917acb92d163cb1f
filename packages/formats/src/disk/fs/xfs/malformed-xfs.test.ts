import assert from "node:assert/strict";
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { after, test } from "node:test";
import { BytesReader } from "../../bytes-reader.ts";
import { makeScratch } from "../../disk.fixture.ts";
import { openXfs } from "./open-xfs.ts";
import { makeXfs, type PlantedExtent, XfsPatch } from "./xfs.fixture.ts";

const scratch = makeScratch();
after(() => scratch[Symbol.dispose]());

const tree = scratch.path("tree");
mkdirSync(`${tree}/short`, { recursive: true });
mkdirSync(`${tree}/names`);
writeFileSync(`${tree}/short/a`, "a");
writeFileSync(`${tree}/large`, Buffer.alloc(1024 * 1024, "casemate"));
for (let i = 0; i < 20; i += 1) writeFileSync(`${tree}/names/${"name".repeat(5)}-${i}`, `${i}`);
symlinkSync("./".repeat(150), `${tree}/link`);
// Without checksums what is wrong is found for what it is.
const sound = readFileSync(makeXfs(scratch.path("v4.img"), tree, ["-m", "crc=0"]));
const checked = readFileSync(makeXfs(scratch.path("v5.img"), tree, ["-m", "rmapbt=0"]));
const inodeOf = (path: string, image = sound) => openXfs(new BytesReader(image)).stat(path).inode;

/** What a look at everything in the image says where `change` made something of it. */
function look(change: (patch: XfsPatch) => void, image = sound): void {
  const patch = new XfsPatch(Buffer.from(image));
  change(patch);
  const fs = openXfs(new BytesReader(patch.image));
  for (const { node, problem } of fs.walk()) {
    if (problem !== undefined) throw problem;
    if (node.stat.type === "symlink") node.target();
    if (node.stat.type !== "file") continue;
    const file = node.contents();
    for (let at = 0; at < Math.min(file.size, 2 ** 21); at += 4096) {
      file.read(at, Buffer.alloc(Math.min(4096, file.size - at)));
    }
  }
}

test("openXfs: superblocks that no tool writes", () => {
  look(() => {});
  look(() => {}, checked);
  const cases: Readonly<Record<string, readonly [at: number, bytes: 1 | 2 | 4, value: number]>> = {
    "blocks of 1 byte": [4, 4, 1],
    "blocks of 2 GiB": [4, 4, 2 ** 31],
    "another sb_blocklog": [120, 1, 255],
    "inodes of 32 KiB": [104, 2, 32_768],
    "inodes of 100 bytes": [104, 2, 100],
    "no inodes in a block": [106, 2, 0],
    "another sb_inopblog": [123, 1, 64],
    "sectors of 1 byte": [102, 2, 1],
    "groups of no blocks": [84, 4, 0],
    "groups of four thousand million blocks": [84, 4, 2 ** 32 - 1],
    "another sb_agblklog": [124, 1, 200],
    "four thousand million groups": [88, 4, 2 ** 32 - 1],
    "more blocks than can be numbered": [8, 4, 2 ** 32 - 1],
    "no blocks": [12, 4, 0],
    "directories in blocks without end": [192, 1, 255],
    "mkfs did not end": [126, 1, 1],
    "a root beyond the last group": [56, 4, 2 ** 16],
    "a root that is none": [60, 4, 1],
  };
  for (const [name, [at, width, value]] of Object.entries(cases)) {
    for (const image of [sound, checked]) {
      const change = (patch: XfsPatch) =>
        patch.changeSuperblock((bytes) => bytes.writeUIntBE(value, at, width));
      assert.throws(() => look(change, image), { code: "disk/damaged" }, name);
    }
  }
});

test("openXfs: inodes that no tool writes", () => {
  const cases: Readonly<
    Record<string, readonly [path: string, at: number, bytes: 1 | 2 | 4, value: number]>
  > = {
    "no magic": ["/large", 0, 2, 0],
    "version 3 in version 4": ["/large", 4, 1, 3],
    "no type": ["/large", 2, 2, 0o7777],
    "a format to come": ["/large", 5, 1, 5],
    "contents in the inode": ["/large", 5, 1, 1],
    "more than 2^53 bytes": ["/large", 56, 4, 2 ** 31],
    "four thousand million extents": ["/large", 76, 4, 2 ** 32 - 1],
    "attributes beyond the inode": ["/large", 82, 1, 255],
    "a link of 1 GiB": ["/link", 60, 4, 2 ** 30],
    "a directory longer than its inode": ["/short", 60, 4, 2 ** 30],
    "a directory of no bytes": ["/short", 60, 4, 0],
    "names without end": ["/short", 100, 1, 255],
    "a name beyond the inode": ["/short", 106, 1, 255],
    "an empty name": ["/short", 106, 1, 0],
    "a file beyond the last inode": ["/short", 110, 4, 2 ** 32 - 1],
  };
  for (const [name, [path, at, width, value]] of Object.entries(cases)) {
    const change = (patch: XfsPatch) =>
      patch.changeInode(inodeOf(path), (bytes) => bytes.writeUIntBE(value, at, width));
    assert.throws(() => look(change), { code: "disk/damaged" }, name);
  }
});

test("openXfs: extents past the end, of no blocks, out of order, and names in unwritten ones", () => {
  const file = inodeOf("/large");
  const directory = inodeOf("/names");
  const [there] = new XfsPatch(Buffer.from(sound)).extentsOf(directory);
  assert.ok(there !== undefined);
  const cases: Readonly<Record<string, readonly [number, ...PlantedExtent[]]>> = {
    "past the end": [file, { start: 0, fsblock: 4000, count: 1000 }],
    "in a group that is not there": [file, { start: 0, fsblock: 2 ** 40, count: 1 }],
    "in the superblock": [file, { start: 0, fsblock: 0, count: 1 }],
    "of no blocks": [file, { start: 0, fsblock: 100, count: 0 }],
    "one over another": [
      file,
      { start: 0, fsblock: 100, count: 5 },
      { start: 4, fsblock: 200, count: 5 },
    ],
    "from the last to the first": [
      file,
      { start: 4, fsblock: 100, count: 1 },
      { start: 0, fsblock: 200, count: 1 },
    ],
    "beyond 2^53 blocks": [file, { start: 2 ** 54 - 8, fsblock: 100, count: 5 }],
    "unwritten, of a directory": [directory, { ...there, isUnwritten: true }],
    "of a directory, no names in it": [directory, { start: 0, fsblock: 1, count: 1 }],
  };
  for (const [name, [inode, ...extents]] of Object.entries(cases)) {
    const change = (patch: XfsPatch) => patch.plantExtents(inode, extents);
    assert.throws(() => look(change), { code: "disk/damaged" }, name);
  }
});

test("openXfs: trees of extents with a node in two places, in itself or out of order", () => {
  for (const image of [sound, checked]) {
    const inode = inodeOf("/large", image);
    const [whole] = new XfsPatch(Buffer.from(image)).extentsOf(inode);
    assert.ok(whole !== undefined);
    const free = whole.fsblock + 100;
    const extents = Array.from({ length: 100 }, (_, i) => ({
      start: i * 3,
      fsblock: whole.fsblock + i,
      count: 1,
    }));
    /** Small leaves and nodes, the first leaf in block `free`. */
    const plant = (patch: XfsPatch) => {
      patch.resize(inode, 300 * 4096);
      assert.ok(patch.plantTree(inode, extents, free, 2) < 100);
    };
    const header = image === checked ? 72 : 24;
    const core = image === checked ? 176 : 100;
    look(plant, image);
    const cases: Readonly<Record<string, (patch: XfsPatch) => void>> = {
      "a leaf's level": (patch) => patch.changeNode(free, (bytes) => bytes.writeUInt16BE(1, 4)),
      "a leaf's count": (patch) =>
        patch.changeNode(free, (bytes) => bytes.writeUInt16BE(0xffff, 6)),
      "a leaf of nothing": (patch) => patch.changeNode(free, (bytes) => bytes.writeUInt16BE(0, 6)),
      "a leaf beyond where the next begins": (patch) =>
        patch.changeNode(free, (bytes) => bytes.writeUInt32BE(100, header + 12)),
      "a leaf that begins elsewhere": (patch) =>
        patch.changeNode(free + 1, (bytes) => bytes.writeUInt16BE(2, header + 6)),
      "a root without a level": (patch) =>
        patch.changeInode(inode, (bytes) => bytes.writeUInt16BE(0, core)),
      "a root of 65,535 levels": (patch) =>
        patch.changeInode(inode, (bytes) => bytes.writeUInt16BE(0xffff, core)),
      "a root of 65,535 nodes": (patch) =>
        patch.changeInode(inode, (bytes) => bytes.writeUInt16BE(0xffff, core + 2)),
      "a root's keys": (patch) =>
        patch.changeInode(inode, (bytes) => bytes.fill(0, core + 4, core + 20)),
    };
    for (const [name, change] of Object.entries(cases)) {
      const both = (patch: XfsPatch) => {
        plant(patch);
        change(patch);
      };
      assert.throws(() => look(both, image), { code: "disk/damaged" }, name);
    }
  }
});

test("openXfs: directory blocks that no tool writes", () => {
  const [block] = new XfsPatch(Buffer.from(sound)).extentsOf(inodeOf("/names"));
  assert.ok(block !== undefined);
  const cases: Readonly<Record<string, readonly [at: number, bytes: 1 | 2 | 4, value: number]>> = {
    "no magic": [0, 4, 0],
    "an index without end": [4096 - 8, 4, 2 ** 32 - 1],
    "an empty name": [16 + 8, 1, 0],
    "a name that is longer": [16 + 8, 1, 200],
    "free room of no bytes": [16, 4, 0xffff_0000],
    "free room beyond the end": [16, 4, 0xffff_fff8],
    "another tag": [16 + 14, 2, 0],
    "a file that is none": [16 + 32 + 4, 4, 1],
  };
  for (const [name, [at, width, value]] of Object.entries(cases)) {
    const change = (patch: XfsPatch) =>
      void patch.block(block.fsblock).writeUIntBE(value, at, width);
    assert.throws(() => look(change), { code: "disk/damaged" }, name);
  }
});

test("openXfs: an image that ends early", () => {
  for (const bytes of [0, 100, 512, 4096, 100_000]) {
    const reader = new BytesReader(sound.subarray(0, bytes));
    assert.throws(() => openXfs(reader), { code: "disk/truncated" });
  }
  // The log is in the third of four groups.
  const image = makeXfs(scratch.path("groups.img"), tree, [], "64m,agcount=4");
  const half = readFileSync(image).subarray(0, 32 * 1024 * 1024);
  const { journal } = openXfs(new BytesReader(half)).volume;
  assert.match(journal?.state === "incomplete" ? journal.reason : "", /cut off/);
});
