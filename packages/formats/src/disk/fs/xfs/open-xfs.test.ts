import assert from "node:assert/strict";
import { mkdirSync, readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { after, test } from "node:test";
import { BytesReader } from "../../bytes-reader.ts";
import { makeScratch, openFile, readAll, run } from "../../disk.fixture.ts";
import { openFileSystem } from "../../open-file-system.ts";
import type { FileSystem } from "../file-system.ts";
import { makeNoise } from "../odd-files.fixture.ts";
import { openXfs } from "./open-xfs.ts";
import { askXfsDb, makeXfs, XfsPatch } from "./xfs.fixture.ts";

const MIB = 1024 * 1024;
const scratch = makeScratch();
after(() => scratch[Symbol.dispose]());

const tree = scratch.path("tree");
const noise = makeNoise(2 * MIB);
makeTree();

/** A tree with what file systems keep in ways of their own: directories of all sizes, links, odd names. */
function makeTree(): void {
  const at = (name: string) => `${tree}/${name}`;
  for (const name of ["empty", "few", "some", "many", "names"]) {
    mkdirSync(at(name), { recursive: true });
  }
  writeFileSync(at("none"), "");
  writeFileSync(at("tiny"), "tiny");
  writeFileSync(at("large"), noise);
  writeFileSync(at("größe"), "by its UTF-8 name");
  writeFileSync(Buffer.concat([Buffer.from(at("latin1-")), Buffer.of(0xe4)]), "by its bytes");
  for (let i = 0; i < 20; i += 1) writeFileSync(at(`few/${"name".repeat(5)}-${i}`), `${i}`);
  for (let i = 0; i < 90; i += 1) writeFileSync(at(`some/${"name".repeat(20)}-${i}`), `${i}`);
  for (let i = 0; i < 600; i += 1) writeFileSync(at(`many/${"name".repeat(20)}-${i}`), `${i}`);
  for (let i = 1; i < 256; i += 17) writeFileSync(at(`names/${"n".repeat(i)}`), `${i}`);
  symlinkSync("tiny", at("fast"));
  symlinkSync(`/${"./".repeat(150)}tiny`, at("slow"));
  symlinkSync("../../../../few/.././fast", at("empty/up"));
  symlinkSync("loop", at("loop"));
}

const V4 = ["-m", "crc=0"];
const shapes: readonly (readonly [name: string, options: readonly string[], size?: string])[] = [
  ["version 5", []],
  ["version 5, blocks of 1 KiB", ["-b", "size=1024"]],
  ["version 5, blocks of 64 KiB, inodes of 2 KiB", ["-b", "size=65536", "-i", "size=2048"], "320m"],
  ["version 5, directories in 16 KiB, 4 of them a block", ["-b", "size=4096", "-n", "size=16384"]],
  ["version 5, four groups, sectors of 4 KiB", ["-s", "size=4096"], "64m,agcount=4"],
  [
    "version 5, all features",
    ["-m", "rmapbt=1,reflink=1,bigtime=1", "-i", "nrext64=1,sparse=1"],
    "32m",
  ],
  ["version 5, few features", ["-m", "finobt=0,reflink=0,bigtime=0", "-i", "nrext64=0,sparse=0"]],
  ["version 4", V4],
  ["version 4, blocks of 512 bytes", [...V4, "-b", "size=512", "-n", "ftype=0"]],
  ["version 4, directories in 64 KiB", [...V4, "-b", "size=1024", "-n", "size=65536"]],
];

for (const [name, options, size] of shapes) {
  test(`openXfs: ${name}, every file byte for byte and as xfs_db has it`, () => {
    const image = makeXfs(scratch.path("shape.img"), tree, options, size);
    using file = openFile(image);
    const fs = openFileSystem(file);
    assert.equal(fs.volume.type, "xfs");
    assert.equal(fs.volume.label, "casemate");
    assert.equal(fs.volume.uuid, run("blkid", "-p", "-o", "value", "-s", "UUID", image).trim());
    assert.equal(fs.volume.isDirty, false);
    compareWithTree(fs);
    for (const path of ["/large", "/slow", "/many"]) compareWithXfsDb(image, fs, path);
    rmSync(image);
  });
}

function compareWithTree(fs: FileSystem): void {
  const files = [...fs.walk()];
  assert.deepEqual(
    files.flatMap(({ problem }) => problem ?? []),
    [],
  );
  const told = new Map(files.map(({ path, node }) => [path, node]));
  const there = run("find", tree, "-mindepth", "1", "-printf", "/%P\\0%y %s\\0").split("\0");
  there.pop();
  assert.equal(told.size, there.length / 2);
  for (let i = 0; i < there.length; i += 2) {
    // The tool's output is read as UTF-8, so that the name in Latin-1 has its replacement character.
    const path = (there[i] ?? "").replace("\ufffd", "\udce4");
    const node = told.get(path);
    assert.ok(node !== undefined, path);
    const [letter = "", bytes = ""] = (there[i + 1] ?? "").split(" ");
    assert.equal(node.stat.type, { f: "file", d: "directory", l: "symlink" }[letter], path);
    if (letter === "d") continue;
    assert.equal(String(node.stat.size), bytes, path);
    if (letter === "l") assert.equal(node.target(), run("readlink", "-n", `${tree}${path}`));
    else if (!path.includes("\udce4")) {
      assert.ok(readAll(node.contents(), 70_001).equals(readFileSync(`${tree}${path}`)), path);
    }
  }
}

function compareWithXfsDb(image: string, fs: FileSystem, path: string): void {
  const { inode, mode, uid, gid, links, size, modifiedMs } = fs.stat(path);
  const said = askXfsDb(image, inode, "core");
  const field = (name: string) =>
    new RegExp(`^core\\.${name} = (.*)$`, "m").exec(said)?.[1]?.replace(/\.0+$/, "") ?? "";
  assert.equal(mode, Number.parseInt(field("mode"), 8) & 0o7777);
  assert.deepEqual(
    [uid, gid, links, size],
    ["uid", "gid", "nlinkv[23]", "size"].map((name) => Number(field(name))),
  );
  assert.equal(Math.floor(modifiedMs / 1000) * 1000, Date.parse(field("mtime.sec")));
}

test("openXfs: directories in each form, which xfs_db tells apart", () => {
  const image = makeXfs(scratch.path("forms.img"), tree, []);
  using file = openFile(image);
  const fs = openXfs(file);
  const bmap = (path: string) =>
    run("xfs_db", "-r", "-c", `inode ${fs.stat(path).inode}`, "-c", "bmap", image);
  const LEAF = /offset 8388608 /;
  const FREE_INDEX = /offset 16777216 /;
  assert.match(askXfsDb(image, fs.stat("/empty").inode, "core.format"), /local/);
  assert.doesNotMatch(bmap("/few"), LEAF);
  assert.match(bmap("/some"), LEAF);
  assert.doesNotMatch(bmap("/some"), FREE_INDEX);
  assert.match(bmap("/many"), FREE_INDEX);
  const names = (path: string) => [...fs.readDirectory(path)].map(({ name }) => name);
  assert.deepEqual(names("/empty"), ["up"]);
  assert.equal(names("/few").length, 20);
  assert.equal(names("/some").length, 90);
  assert.equal(new Set(names("/many")).size, 600);
  assert.equal(fs.readFile("/empty/up", 100).toString(), "tiny");
});

for (const [name, options] of [
  ["version 5", ["-b", "size=1024", "-m", "rmapbt=0,reflink=0", "-i", "nrext64=0"]],
  ["version 4", [...V4, "-b", "size=1024", "-i", "size=512"]],
] as const) {
  test(`openXfs: ${name}, trees of extents that xfs_repair finds sound, holes and unwritten blocks`, () => {
    const image = makeXfs(scratch.path("trees.img"), tree, options);
    const bytes = readFileSync(image);
    const before = openXfs(new BytesReader(bytes));
    const names = [...before.readDirectory("/many")].map((entry) => entry.name);
    const inodeOf = (path: string) => before.stat(path).inode;
    const patch = new XfsPatch(bytes);
    const { blockSize } = patch.superblock;

    const [whole] = patch.extentsOf(inodeOf("/large"));
    assert.ok(whole !== undefined);
    const { extents: fileExtents, free } = patch.breakUp(inodeOf("/large"), 32);
    const expected = Buffer.alloc(fileExtents.length * 2 * blockSize);
    for (const { start, fsblock, isUnwritten } of fileExtents) {
      const from = (fsblock - whole.fsblock) * blockSize;
      if (!isUnwritten) noise.copy(expected, start * blockSize, from, from + blockSize);
    }
    const directoryExtents = patch
      .extentsOf(inodeOf("/many"))
      .flatMap(({ start, fsblock, count }) =>
        Array.from({ length: count }, (_, i) => ({
          start: start + i,
          fsblock: fsblock + i,
          count: 1,
        })),
      );
    // What is left of the file's blocks has another tree, and the rest of them is another file's.
    const rest = free + patch.plantTree(inodeOf("/many"), directoryExtents, free, 32);
    const left = whole.fsblock + whole.count - rest;
    patch.plantExtents(inodeOf("/none"), [{ start: 0, fsblock: rest, count: left }]);
    patch.resize(inodeOf("/none"), left * blockSize);
    writeFileSync(image, bytes);
    run("xfs_repair", "-n", "-f", "-o", "force_geometry", image);
    const level = patch.superblock.isV5 ? "u3.bmbt.level" : "u.bmbt.level";
    assert.match(askXfsDb(image, inodeOf("/large"), level), /level = 2/);

    using file = openFile(image);
    const fs = openXfs(file);
    assert.ok(readAll(fs.openFile("/large"), 10_007).equals(expected));
    assert.deepEqual(
      [...fs.readDirectory("/many")].map((entry) => entry.name),
      names,
    );
    const backwards = fs.openFile("/large");
    const block = Buffer.alloc(blockSize);
    for (let at = expected.length - blockSize; at >= 0; at -= blockSize) {
      backwards.read(at, block);
      assert.ok(block.equals(expected.subarray(at, at + blockSize)));
    }
  });
}

test("openXfs: a link whose target is in two places, each with a header of its own", () => {
  const image = makeXfs(scratch.path("link.img"), tree, ["-b", "size=1024", "-m", "rmapbt=0"]);
  const bytes = readFileSync(image);
  const fs = openXfs(new BytesReader(bytes));
  const inodeOf = (path: string) => fs.stat(path).inode;
  const patch = new XfsPatch(bytes);
  const [large] = patch.extentsOf(inodeOf("/large"));
  assert.ok(large !== undefined);
  const target = Buffer.from(`${"./".repeat(500)}tiny`);
  const [first, second] = [large.fsblock + large.count - 1, large.fsblock + large.count - 2];
  patch.plantExtents(inodeOf("/large"), [{ ...large, count: large.count - 2 }]);
  patch.plantExtents(inodeOf("/slow"), [
    { start: 0, fsblock: first, count: 1 },
    { start: 1, fsblock: second, count: 1 },
  ]);
  patch.plantLink(first, inodeOf("/slow"), target, 0);
  patch.plantLink(second, inodeOf("/slow"), target, 1024 - 56);
  patch.resize(inodeOf("/slow"), target.length);
  patch.resize(inodeOf("/large"), (large.count - 2) * 1024);
  writeFileSync(image, bytes);
  run("xfs_repair", "-n", "-f", "-o", "force_geometry", image);
  assert.equal(openXfs(new BytesReader(bytes)).readLink("/slow"), target.toString());
  patch.plantLink(second, inodeOf("/slow"), target, 0);
  assert.throws(() => openXfs(new BytesReader(bytes)).readLink("/slow"), { code: "disk/damaged" });
});

test("openXfs: it is dirty when xfs_logprint says so, wherever its log ends", () => {
  const image = makeXfs(scratch.path("log.img"), tree, []);
  const bytes = readFileSync(image);
  const patch = new XfsPatch(bytes);
  const { logStart, logBlocks, blockSize } = patch.superblock;
  const length = (logBlocks * blockSize) / 512;
  const start = (logStart ?? 0) * blockSize;
  const log = bytes.subarray(start, start + logBlocks * blockSize);
  const record = Buffer.from(log.subarray(0, 1024));
  assert.equal(record.readUInt32BE(0), 0xfeedbabe);
  for (const head of [2, 3, 700, length - 1, length, 1]) {
    for (const flags of [0x20, 0]) {
      // A record of two blocks before the head; the rest of what the cycle and the one before it wrote.
      for (let at = 0; at < length; at += 1) {
        const isBefore = head === 1 ? at === 0 : at < head;
        log.fill(0, at * 512, at * 512 + 512).writeUInt32BE(isBefore ? 7 : 6, at * 512);
      }
      const at = head === 1 ? length - 1 : head - 2;
      const cycle = head === 1 ? 6 : 7;
      record.writeUInt32BE(cycle, 4);
      record.writeUInt32BE(512, 12);
      for (const lsn of [16, 24]) record.writeBigUInt64BE(BigInt(cycle * 2 ** 32 + at), lsn);
      record.copy(log, at * 512, 0, 512);
      const data = ((at + 1) % length) * 512;
      record.copy(log, data, 512);
      log.writeUInt32BE(head === 1 ? 7 : cycle, data);
      log.writeUInt8(flags, data + 9);
      writeFileSync(image, bytes);
      const said = run("xfs_logprint", "-t", image);
      const { isDirty, journal } = openXfs(new BytesReader(bytes)).volume;
      assert.equal(journal?.state, isDirty ? "incomplete" : "clean");
      assert.equal(isDirty, flags === 0, `head ${head}`);
      assert.equal(isDirty, said.includes("<DIRTY>"), said);
    }
  }
  log.fill(0);
  assert.equal(openXfs(new BytesReader(bytes)).volume.isDirty, false);
  const device = scratch.path("device.log");
  writeFileSync(device, "");
  truncateSync(device, 16 * MIB);
  const other = makeXfs(scratch.path("other.img"), tree, ["-l", `logdev=${device},size=16m`]);
  using file = openFile(other);
  const { isDirty, journal } = openXfs(file).volume;
  assert.equal(isDirty, true);
  assert.match(journal?.state === "incomplete" ? journal.reason : "", /another device/);
});

test("openXfs: changed metadata are found out by their checksums, moved ones by what they say", () => {
  const sound = readFileSync(makeXfs(scratch.path("checksums.img"), tree, []));
  const whole = openXfs(new BytesReader(sound));
  const { inode } = whole.stat("/many");
  const [some] = new XfsPatch(sound).extentsOf(whole.stat("/some").inode);
  const [many, next] = new XfsPatch(sound).extentsOf(inode);
  assert.ok(many !== undefined && next !== undefined && some !== undefined);
  const changes: Readonly<Record<string, (patch: XfsPatch) => void>> = {
    "superblock, checksum": ({ image }) => image.write("evil", 108),
    "inode, checksum": ({ image, superblock }) =>
      image.write("evil", inode * superblock.inodeSize + 8),
    "directory, checksum": (patch) => patch.block(many.fsblock).write("evil", 100),
    "directory, block": (patch) => patch.block(next.fsblock).copy(patch.block(many.fsblock)),
    "directory, block for": (patch) => patch.block(some.fsblock).copy(patch.block(many.fsblock)),
    "inode, another uuid": (patch) => patch.changeInode(inode, (bytes) => bytes.fill(1, 160, 176)),
    "inode, its own number": (patch) =>
      patch.changeInode(inode, (bytes) => bytes.writeBigUInt64BE(99n, 152)),
  };
  for (const [what, change] of Object.entries(changes)) {
    const bytes = Buffer.from(sound);
    change(new XfsPatch(bytes));
    const read = () => [...openXfs(new BytesReader(bytes)).readDirectory("/many")];
    const [part = "", said = ""] = what.split(", ");
    assert.throws(read, { code: "disk/damaged", message: new RegExp(`${part}.*${said}`) }, what);
  }
});

test("openXfs: a realtime file and features to come are told, and so is a file system to be repaired", () => {
  const bytes = readFileSync(makeXfs(scratch.path("features.img"), tree, []));
  const patch = new XfsPatch(bytes);
  const open = () => openXfs(new BytesReader(bytes));
  const { inode } = open().stat("/large");
  patch.changeInode(inode, (core) => core.writeUInt16BE(1, 90));
  assert.equal(open().stat("/large").size, noise.length);
  assert.throws(() => open().openFile("/large"), { code: "disk/unsupported", message: /realtime/ });
  const incompat = bytes.readUInt32BE(216);
  const setIncompat = (bits: number) =>
    patch.changeSuperblock((superblock) => superblock.writeUInt32BE(incompat | bits, 216));
  setIncompat(0x10);
  assert.equal(open().volume.isDirty, true);
  // Exchange of ranges and parent pointers change nothing that is read.
  setIncompat(0x40 | 0x80);
  assert.equal(open().readFile("/tiny", 4).toString(), "tiny");
  setIncompat(0x100);
  assert.throws(open, { code: "disk/unsupported", message: /0x100/ });
  setIncompat(0);
  patch.changeSuperblock((superblock) => superblock.writeUInt16BE(0xb4a6, 100));
  assert.throws(open, { code: "disk/unsupported", message: /version 6/ });
});
