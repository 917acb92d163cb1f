import assert from "node:assert/strict";
import { test } from "node:test";
import { BytesReader } from "../../bytes-reader.ts";
import { buildKernelImage } from "./kernel-image.fixture.ts";
import { openBtrfs } from "./open-btrfs.ts";
import { makeSeal } from "./seal-blocks.fixture.ts";
import { ItemType } from "./tree-key.ts";
import { itemOf, parseTreeNode, type TreeItem, type TreeNode } from "./tree-node.ts";

const NODE_BYTES = 4096;
const SUPERBLOCK_AT = 65_536;
const sound = buildKernelImage();
const seal = makeSeal(sound);
const fsid = sound.subarray(SUPERBLOCK_AT + 0x20, SUPERBLOCK_AT + 0x30);

/** The codes and the words of all that a look at everything in a changed image meets. */
function look(change: (image: Buffer) => void): readonly string[] {
  const image = Buffer.from(sound);
  change(image);
  seal(image);
  const fs = openBtrfs(new BytesReader(image));
  const problems: string[] = [];
  for (const { path, node, problem } of fs.walk()) {
    if (problem !== undefined) problems.push(problem.code);
    if (node?.stat.type === "symlink") node.target();
    if (node?.stat.type === "file") for (const _ of fs.readChunks(path, 0, 2 ** 21));
  }
  return problems;
}

/** Every tree block of an image, those that are no longer in use among them. */
function* walkNodes(image: Buffer): Generator<TreeNode> {
  for (let at = 0; at + NODE_BYTES <= image.length; at += NODE_BYTES) {
    const bytes = image.subarray(at, at + NODE_BYTES);
    if (at !== SUPERBLOCK_AT && bytes.subarray(0x20, 0x30).equals(fsid))
      yield parseTreeNode(bytes, bytes.readUInt32LE(0x30), fsid);
  }
}

/** Changes the data of every item of a type. */
function changeItems(image: Buffer, type: number, change: (item: TreeItem) => void): void {
  for (const node of walkNodes(image)) {
    for (let i = 0; node.level === 0 && i < node.count; i += 1) {
      const item = itemOf(node, i);
      if (item.key.type === type) change(item);
    }
  }
}

test("openBtrfs: superblocks that no tool writes", () => {
  assert.deepEqual(
    look(() => {}),
    [],
  );
  const damagedCases: Readonly<Record<string, readonly [at: number, value: number]>> = {
    "sectors of 1 byte": [0x90, 1],
    "sectors of 2 GiB": [0x90, 2 ** 31],
    "nodes of 2 GiB": [0x94, 2 ** 31],
    "nodes smaller than a sector": [0x94, 1024],
    "nodes of three sectors": [0x94, 12_288],
    "more system chunks than room": [0xa0, 4096],
    "half a system chunk": [0xa0, 40],
    "a root tree beyond all numbers": [0x54, 2 ** 31],
    "a root tree at no address": [0x50, 1],
    "a root tree where no chunk is": [0x50, 4096],
    "another generation": [0x48, 77],
    "the superblock of another place": [0x30, 4096],
  };
  const change = (at: number, value: number) => (image: Buffer) =>
    void image.writeUInt32LE(value, SUPERBLOCK_AT + at);
  for (const [name, [at, value]] of Object.entries(damagedCases))
    assert.throws(() => look(change(at, value)), { code: "disk/damaged" }, name);
  const refused = { "two devices": [0x88, 2], "a zoned device": [0xbc, 0x1000] } as const;
  for (const [name, [at, value]] of Object.entries(refused))
    assert.throws(() => look(change(at, value)), { code: "disk/unsupported" }, name);
  const level = (image: Buffer) => void image.writeUInt8(9, SUPERBLOCK_AT + 0xc6);
  assert.throws(() => look(level), { code: "disk/damaged" });
  const checksum = (image: Buffer) => void image.writeUInt16LE(9, SUPERBLOCK_AT + 0xc4);
  assert.throws(() => look(checksum), { code: "disk/unsupported", message: /checksum type 9/ });
});

test("openBtrfs: chunks at the same address, without length, of RAID, on other devices", () => {
  const cases: Readonly<Record<string, readonly [change: (chunk: Buffer) => void, code: string]>> =
    {
      "no length": [(chunk) => void chunk.writeUInt32LE(0, 0), "disk/damaged"],
      "no stripes": [(chunk) => void chunk.writeUInt16LE(0, 0x2c), "disk/damaged"],
      "more stripes than it has": [(chunk) => void chunk.writeUInt16LE(9, 0x2c), "disk/damaged"],
      "all addresses": [(chunk) => void chunk.writeUInt32LE(0xff, 4), "disk/damaged"],
      "a stripe beyond all numbers": [(chunk) => void chunk.writeInt32LE(-1, 0x3c), "disk/damaged"],
      RAID1: [(chunk) => void chunk.writeUInt8(0x10, 0x18), "disk/unsupported"],
      RAID6: [(chunk) => void chunk.writeUInt16LE(0x100, 0x18), "disk/unsupported"],
      "another device": [(chunk) => void chunk.writeUInt8(2, 0x30), "disk/unsupported"],
      "nowhere in the image": [(chunk) => void chunk.writeUInt8(9, 0x3b), "disk/truncated"],
    };
  for (const [name, [change, code]] of Object.entries(cases)) {
    const changeAll = (image: Buffer) =>
      changeItems(image, ItemType.chunk, ({ data }) => change(data));
    assert.throws(() => look(changeAll), { code }, name);
  }
});

test("openBtrfs: trees that lead to themselves, or often to the same block", () => {
  const changePointers = (image: Buffer, change: (node: TreeNode, at: number) => void) => {
    for (const node of walkNodes(image))
      for (let i = 0; node.level > 0 && i < node.count; i += 1) change(node, 101 + i * 33 + 17);
  };
  const toItself = (image: Buffer) =>
    changePointers(image, ({ bytes, bytenr, generation }, at) => {
      bytes.writeBigUInt64LE(BigInt(bytenr), at);
      bytes.writeBigUInt64LE(BigInt(generation), at + 8);
    });
  assert.throws(() => look(toItself), { code: "disk/damaged", message: /level/ });
  const toTheFirst = (image: Buffer) =>
    changePointers(image, ({ bytes }, at) => void bytes.copy(bytes, at, 118, 134));
  const problems = look(toTheFirst);
  assert.ok(problems.length > 0 && problems.every((code) => code === "disk/damaged"));
});

test("openBtrfs: directories in themselves, names with slashes, inodes of no size", () => {
  const inItself = (image: Buffer) =>
    changeItems(image, ItemType.dirIndex, ({ key, data }) => {
      if (data.readUInt8(8) === ItemType.inode) data.writeUInt32LE(key.objectid, 0);
    });
  assert.deepEqual(new Set(look(inItself)), new Set(["disk/damaged"]));
  const slashes = (image: Buffer) =>
    changeItems(image, ItemType.dirIndex, ({ data }) => void data.write("/", 30));
  assert.deepEqual(new Set(look(slashes)), new Set(["disk/damaged"]));
  const long = (image: Buffer) =>
    changeItems(image, ItemType.dirIndex, ({ data }) => void data.writeUInt16LE(65_535, 27));
  assert.deepEqual(look(long), ["disk/damaged"]);
  const absent = (image: Buffer) =>
    changeItems(image, ItemType.dirIndex, ({ data }) => void data.writeUInt32LE(70_000, 0));
  assert.ok(look(absent).includes("disk/damaged"));
  const endless = (image: Buffer) =>
    changeItems(image, ItemType.inode, ({ data }) => void data.writeUInt8(0x7f, 0x17));
  assert.throws(() => look(endless), { code: "disk/damaged", message: /a size of/ });
  const typeless = (image: Buffer) =>
    changeItems(image, ItemType.inode, ({ data }) => void data.writeUInt32LE(0, 0x34));
  assert.throws(() => look(typeless), { code: "disk/damaged", message: /a type of file/ });
});

test("openBtrfs: extents of other kinds, past the end, larger than they can be", () => {
  type Change = (data: Buffer) => void;
  const cases: Readonly<Record<string, readonly [change: Change, code: string]>> = {
    "another type": [(data) => void data.writeUInt8(3, 0x14), "disk/damaged"],
    "another compression": [(data) => void data.writeUInt8(4, 0x10), "disk/unsupported"],
    "another encoding": [(data) => void data.writeUInt8(1, 0x12), "disk/unsupported"],
    encrypted: [(data) => void data.writeUInt8(1, 0x11), "disk/encrypted"],
    "a bomb": [(data) => void data.writeUInt32LE(2 ** 31, 8), "disk/damaged"],
    "in another compression": [(data) => void data.writeUInt8(1, 0x10), "disk/damaged"],
    "at no address": [
      (data) => void (data.length === 53 && data.writeUInt32LE(0xff, 0x19)),
      "disk/damaged",
    ],
    "between sectors": [
      (data) => void (data.length === 53 && data.writeUInt8(1, 0x25)),
      "disk/damaged",
    ],
    "of what is not summed up": [
      (data) => void (data.length === 53 && data.writeUInt32LE(0x40_0000, 0x15)),
      "disk/damaged",
    ],
  };
  for (const [name, [change, code]] of Object.entries(cases)) {
    const changeAll = (image: Buffer) =>
      changeItems(image, ItemType.extentData, ({ data }) => change(data));
    assert.throws(() => look(changeAll), { code }, name);
  }
});
