import assert from "node:assert/strict";
import {
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { after, test } from "node:test";
import type { BlockReader } from "../../block-reader.ts";
import { BytesReader } from "../../bytes-reader.ts";
import { makeScratch, openFile, readAll, run } from "../../disk.fixture.ts";
import { openFileSystem } from "../../open-file-system.ts";
import type { FileSystem } from "../file-system.ts";
import { makeNoise, writeOddFiles } from "../odd-files.fixture.ts";
import { buildKernelImage, KERNEL_IMAGE_BYTES, kernelImageFiles } from "./kernel-image.fixture.ts";
import { openBtrfs } from "./open-btrfs.ts";
import { makeSeal } from "./seal-blocks.fixture.ts";

const MIB = 1024 * 1024;
const scratch = makeScratch();
after(() => scratch[Symbol.dispose]());

const tree = scratch.path("tree");
const noise = makeNoise(3 * MIB);
const MARK = "a mark that is there once";
noise.write(MARK, 1_000_000);
makeTree();

/** A tree with what file systems keep in ways of their own: small, large, sparse, many, links. */
function makeTree(): void {
  const at = (name: string) => `${tree}/${name}`;
  writeOddFiles(tree, { many: 600 });
  writeFileSync(Buffer.concat([Buffer.from(at("etc/latin1-")), Buffer.of(0xe4)]), "by its bytes");
  writeFileSync(at("etc/tiny"), "inline");
  writeFileSync(at("etc/sector"), noise.subarray(0, 4097));
  writeFileSync(at("etc/large"), noise);
  symlinkSync("../etc/tiny", at("empty/link"));
  symlinkSync(`/${"./".repeat(900)}etc/tiny`, at("etc/long"));
  run("mkfifo", at("etc/fifo"));
  run("chmod", "6755", at("etc/tiny"));
  utimesSync(at("etc/tiny"), 1_000_000_000.25, 1_000_000_000.25);
}

const shapes: readonly (readonly [name: string, options: readonly string[]])[] = [
  ["nodes of 16 KiB, metadata twice", []],
  ["nodes of 4 KiB, mixed groups", ["-M"]],
  ["nodes of 4 KiB, many levels", ["-n", "4096", "-m", "single"]],
  ["nodes of 64 KiB, data twice", ["-n", "65536", "-d", "dup"]],
  ["sectors of 16 KiB", ["-s", "16384"]],
  ["holes told of", ["-O", "^no-holes"]],
  ["xxhash64", ["--csum", "xxhash"]],
  ["SHA-256", ["--csum", "sha256"]],
  ["BLAKE2b", ["--csum", "blake2"]],
];

for (const [name, options] of shapes) {
  test(`openBtrfs: ${name}, every file byte for byte as it went in`, () => {
    const image = makeImage("shape.img", options);
    using file = openFile(image);
    const fs = openFileSystem(file);
    assert.equal(fs.volume.type, "btrfs");
    assert.equal(fs.volume.label, "casemate");
    assert.equal(fs.volume.uuid, run("blkid", "-p", "-o", "value", "-s", "UUID", image).trim());
    assert.equal(fs.volume.isDirty, false);
    const told = new Map([...fs.walk()].map(({ path, node }) => [path, node]));
    const format = "/%P\\0%y %m %s %U %G %n %T@\\0";
    const there = run("find", tree, "-mindepth", "1", "-printf", format).split("\0");
    there.pop();
    assert.equal(told.size, there.length / 2);
    for (let i = 0; i < there.length; i += 2) {
      // The tool's output is read as UTF-8, so that the name in Latin-1 has its replacement character.
      const path = (there[i] ?? "").replace("\ufffd", "\udce4");
      const node = told.get(path);
      assert.ok(node !== undefined, path);
      const { type, mode, size, uid, gid, links, modifiedMs } = node.stat;
      const letter = { file: "f", directory: "d", symlink: "l", fifo: "p" }[type as "file"]; // no others
      const [letterThere, ...numbers] = (there[i + 1] ?? "").split(" ");
      assert.equal(letter, letterThere, path);
      assert.deepEqual([mode.toString(8), uid, gid].map(String), [
        numbers[0],
        ...numbers.slice(2, 4),
      ]);
      assert.equal(Math.floor(modifiedMs / 1000), Math.floor(Number(numbers[5])), path);
      if (type === "directory") continue;
      assert.deepEqual([size, links].map(String), [numbers[1], numbers[4]], path);
      if (type === "symlink") assert.equal(node.target(), run("readlink", "-n", `${tree}${path}`));
      if (type === "file" && !path.includes("\udce4")) {
        assert.ok(readAll(node.contents(), 70_001).equals(readFileSync(`${tree}${path}`)), path);
      }
    }
  });
}

function makeImage(name: string, options: readonly string[] = []): string {
  const image = scratch.path(name);
  rmSync(image, { force: true });
  writeFileSync(image, "");
  truncateSync(image, 160 * MIB);
  run("mkfs.btrfs", "-q", "-L", "casemate", "--rootdir", tree, ...options, image);
  return image;
}

const contents = (fs: FileSystem, path: string) => fs.readFile(path, MIB).toString("latin1");

test("openBtrfs: compressed, unwritten, holed and inline extents as Linux made them", () => {
  const fs = openBtrfs(new BytesReader(buildKernelImage()));
  assert.equal(fs.volume.label, "shelf");
  const paths = [...fs.walk()].flatMap(({ path, node, problem }) => {
    assert.equal(problem, undefined);
    return node?.stat.type === "file" ? [path] : [];
  });
  assert.deepEqual(new Set(paths), new Set(kernelImageFiles.keys()));
  for (const [path, text] of kernelImageFiles) {
    assert.ok(contents(fs, path) === text, path);
    const file = fs.openFile(path);
    // In pieces that begin and end within sectors, and backwards.
    for (let at = file.size - 1; at >= 0; at -= 5003) {
      const piece = Buffer.alloc(Math.min(4999, file.size - at));
      file.read(at, piece);
      assert.equal(piece.toString("latin1"), text.slice(at, at + piece.length));
    }
  }
  assert.equal(contents(fs, "/plain/link"), kernelImageFiles.get("/lzo/numbers"));
});

test("openBtrfs: the default subvolume is the root; below number 5 are all, as btrfs restore has them", () => {
  const image = scratch.path("shelf.img");
  writeFileSync(image, buildKernelImage());
  truncateSync(image, KERNEL_IMAGE_BYTES);
  const restored = scratch.path("restored");
  mkdirSync(restored);
  run("btrfs", "restore", "--snapshots", image, restored);
  using file = openFile(image);
  const above = openBtrfs(file, { subvolume: 5 });
  assert.equal(contents(above, "/top"), "above\n");
  for (const path of kernelImageFiles.keys()) {
    const there = readFileSync(`${restored}/root${path}`, "latin1");
    assert.ok(contents(above, `/root${path}`) === there, path);
  }
  const fs = openBtrfs(file);
  assert.throws(() => fs.stat("/top"), { code: "disk/not-found" });
  assert.deepEqual([...openBtrfs(file, { subvolume: 257 }).readDirectory("/d")].length, 1);
  assert.throws(() => openBtrfs(file, { subvolume: 1000 }), { code: "disk/not-found" });
  assert.throws(() => openBtrfs(file, { subvolume: 7 }), { code: "disk/not-found" });
});

test("openBtrfs: inodes of all subvolumes have numbers of their own, those of the root their own", () => {
  const fs = openBtrfs(new BytesReader(buildKernelImage()));
  assert.equal(fs.volume.root.stat.inode, 256);
  assert.equal(fs.stat("/lzo").inode, 263);
  const inodes = [...fs.walk()].map(({ node }) => node?.stat.inode);
  assert.equal(new Set(inodes).size, inodes.length);
  assert.ok(inodes.every((inode) => Number.isSafeInteger(inode)));
  // What is a subvolume in the original is an empty directory in its snapshot.
  assert.deepEqual([...fs.readDirectory("/snap/d/inner")], []);
  assert.equal(fs.stat("/snap/d/inner").type, "directory");
  assert.equal([...fs.readDirectory("/sub/d/inner")].length, 1);
});

test("openBtrfs: a log that was not replayed is said", () => {
  const bytes = buildKernelImage();
  assert.deepEqual(openBtrfs(new BytesReader(bytes)).volume.journal, { state: "clean" });
  const seal = makeSeal(bytes);
  bytes.writeUInt32LE(4096, 65_536 + 0x60); // log_root
  seal(bytes);
  const { isDirty, journal } = openBtrfs(new BytesReader(bytes)).volume;
  assert.equal(isDirty, true);
  assert.equal(journal?.state, "incomplete");
});

test("openBtrfs: of two copies of metadata and of data the sound one is taken", () => {
  const image = makeImage("copies.img", ["-d", "dup"]);
  using file = openFile(image);
  const bytes = readFileSync(image);
  const [first = -1, second = -1, ...more] = findAll(bytes, MARK);
  assert.ok(second > first && more.length === 0);
  for (const places of [[first], [second]]) {
    const fs = openBtrfs(flip(file, places));
    assert.ok(fs.readFile("/etc/large", 4 * MIB).equals(noise));
  }
  const fs = openBtrfs(flip(file, [first, second]));
  const readLarge = () => fs.readFile("/etc/large", 4 * MIB);
  assert.throws(readLarge, { code: "disk/damaged", message: /crc32c checksum/ });
  // What is in other sectors can be read.
  assert.equal([...fs.readChunks("/etc/large", 2 * MIB)].length, 1);

  // The tool leaves blocks that it changed where they were; all second copies follow all first ones.
  const names = findAll(bytes, "inline");
  const half = names.length / 2;
  for (const places of [names.slice(0, half), names.slice(half)])
    assert.equal(contents(openBtrfs(flip(file, places)), "/etc/tiny"), "inline");
  // The block may be the one that the file system begins with.
  const read = () => openBtrfs(flip(file, names)).stat("/etc/tiny");
  assert.throws(read, { code: "disk/damaged", message: /tree block/ });
});

test("openBtrfs: a mirror of the superblock stands in for the first one", () => {
  using file = openFile(makeImage("mirror.img"));
  const [first, second] = [65_536, 64 * MIB];
  for (const field of [0x40, 0x50])
    assert.equal(contents(openBtrfs(flip(file, [first + field])), "/etc/tiny"), "inline");
  const none = flip(file, [first + 0x50, second + 0x50]);
  assert.throws(() => openBtrfs(none), { code: "disk/damaged" });
});

test("openBtrfs: a file system whose UUID was changed, which its tree blocks do not know", () => {
  const image = makeImage("uuid.img");
  const uuid = "5e1f5e1f-0000-4000-8000-000000000002";
  run("btrfstune", "-M", uuid, image);
  using file = openFile(image);
  const fs = openBtrfs(file);
  assert.equal(fs.volume.uuid, uuid);
  assert.equal(contents(fs, "/etc/tiny"), "inline");
});

test("openBtrfs: what is on several devices is refused", () => {
  const images = ["raid-a.img", "raid-b.img"].map((name) => scratch.path(name));
  for (const image of images) {
    writeFileSync(image, "");
    truncateSync(image, 160 * MIB);
  }
  run("mkfs.btrfs", "-q", "-d", "raid1", "-m", "raid1", ...images);
  for (const image of images) {
    using file = openFile(image);
    assert.throws(() => openBtrfs(file), { code: "disk/unsupported", message: /on 2 devices/ });
  }
});

function findAll(bytes: Buffer, text: string): readonly number[] {
  const places: number[] = [];
  for (let at = bytes.indexOf(text); at >= 0; at = bytes.indexOf(text, at + 1)) places.push(at);
  return places;
}

/** A disk with another bit at each of some places. */
function flip(disk: BlockReader, places: readonly number[]): BlockReader {
  return {
    size: disk.size,
    read(offset, target) {
      disk.read(offset, target);
      for (const at of places) {
        const value = target[at - offset];
        if (value !== undefined) target[at - offset] = value ^ 1;
      }
    },
  };
}
