import assert from "node:assert/strict";
import { readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { after, test } from "node:test";
import { BytesReader } from "../../bytes-reader.ts";
import { makeScratch, openFile, readAll, run } from "../../disk.fixture.ts";
import { makeNoise, writeOddFiles } from "../odd-files.fixture.ts";
import { openExt4 } from "./open-ext4.ts";

const MIB = 1024 * 1024;
const scratch = makeScratch();
after(() => scratch[Symbol.dispose]());

const tree = scratch.path("tree");
const noise = makeNoise(3 * MIB);
makeTree();

/** A tree with what file systems keep in ways of their own: small, large, sparse, many, links. */
function makeTree(): void {
  const at = (name: string) => `${tree}/${name}`;
  writeOddFiles(tree, { many: 600 });
  writeFileSync(Buffer.concat([Buffer.from(at("etc/latin1-")), Buffer.of(0xe4)]), "by its bytes");
  writeFileSync(at("etc/tiny"), "60 bytes or fewer");
  writeFileSync(at("etc/small"), noise.subarray(0, 150));
  writeFileSync(at("etc/large"), noise);
  symlinkSync("tiny", at("etc/fast"));
  symlinkSync(`/${"./".repeat(100)}etc/small`, at("etc/slow"));
  symlinkSync("../../../../etc/./fast", at("empty/up"));
  symlinkSync("loop", at("etc/loop"));
  symlinkSync("/etc", at("dir"));
}

const shapes: readonly (readonly [name: string, type: string, options: readonly string[]])[] = [
  ["ext2", "ext2", ["-t", "ext2"]],
  ["ext2, blocks of 1 KiB", "ext2", ["-t", "ext2", "-b", "1024", "-I", "128"]],
  ["ext3", "ext3", ["-t", "ext3"]],
  ["ext4", "ext4", ["-t", "ext4", "-b", "4096"]],
  ["ext4, blocks of 1 KiB", "ext4", ["-t", "ext4", "-b", "1024"]],
  ["ext4, inline data", "ext4", ["-t", "ext4", "-O", "inline_data", "-I", "256"]],
  [
    "ext4, meta_bg",
    "ext4",
    ["-t", "ext4", "-b", "1024", "-g", "1024", "-O", "meta_bg,^resize_inode"],
  ],
  ["ext4, no checksums, 32 bits", "ext4", ["-t", "ext4", "-O", "^metadata_csum,^64bit"]],
  ["ext4, checksum seed", "ext4", ["-t", "ext4", "-O", "metadata_csum_seed"]],
  ["ext4, bigalloc", "ext4", ["-t", "ext4", "-O", "bigalloc", "-C", "65536"]],
];

for (const [name, type, options] of shapes) {
  test(`openExt4: ${name}, every file byte for byte and as debugfs has it`, () => {
    const image = makeImage("shape.img", options);
    using file = openFile(image);
    const fs = openExt4(file);
    assert.equal(fs.volume.type, type);
    assert.equal(fs.volume.label, "casemate");
    assert.equal(fs.volume.uuid, run("blkid", "-p", "-o", "value", "-s", "UUID", image).trim());
    const files = [...fs.walk()];
    assert.deepEqual(
      files.flatMap(({ problem }) => problem ?? []),
      [],
    );
    const told = new Map(files.map(({ path, node }) => [path, node]));
    told.delete("/lost+found");
    const there = run("find", tree, "-mindepth", "1", "-printf", "/%P\\0%y %m %s\\0").split("\0");
    there.pop();
    assert.equal(told.size, there.length / 2);
    for (let i = 0; i < there.length; i += 2) {
      // The tool's output is read as UTF-8, so that the name in Latin-1 has its replacement character.
      const path = (there[i] ?? "").replace("\ufffd", "\udce4");
      const node = told.get(path);
      assert.ok(node !== undefined, path);
      const { type: kind, mode, size } = node.stat;
      const [letter = "", permissions = "", bytes = ""] = (there[i + 1] ?? "").split(" ");
      assert.equal(kind, { f: "file", d: "directory", l: "symlink" }[letter], path);
      assert.equal(mode.toString(8), permissions, path);
      if (kind === "directory") continue;
      assert.equal(String(size), bytes, path);
      if (kind === "symlink") assert.equal(node.target(), run("readlink", "-n", `${tree}${path}`));
      else if (!path.includes("\udce4")) {
        assert.ok(readAll(node.contents(), 70_001).equals(readFileSync(`${tree}${path}`)), path);
      }
    }
    compareWithDebugfs(image, fs);
  });
}

test("openExt4: hashed directories, with their checksums", () => {
  const image = makeImage("hashed.img", ["-t", "ext4", "-b", "1024"]);
  run("e2fsck", "-fyD", image);
  assert.match(run("debugfs", "-R", "htree_dump /etc/many", image), /Checksum/);
  const bytes = readFileSync(image);
  const count = (copy: Buffer) =>
    [...openExt4(new BytesReader(copy)).readDirectory("/etc/many")].length;
  assert.equal(count(bytes), 600);
  const root = Number(run("debugfs", "-R", "blocks /etc/many", image).trim().split(/\s+/)[0]);
  bytes.writeUInt8(1, root * 1024 + 0x25);
  assert.throws(() => count(bytes), { code: "disk/damaged", message: /checksum/ });
});

function makeImage(name: string, options: readonly string[]): string {
  const image = scratch.path(name);
  run("mke2fs", "-q", "-F", "-L", "casemate", "-d", tree, ...options, image, "48M");
  return image;
}

function compareWithDebugfs(image: string, fs: ReturnType<typeof openExt4>): void {
  for (const path of ["/etc/large", "/etc/tiny", "/etc/fast"]) {
    const { inode, uid, gid, links, modifiedMs } = fs.stat(path);
    const said = run("debugfs", "-R", `stat ${path}`, image);
    const number = (field: string) => Number(new RegExp(`${field}:\\s*(\\d+)`).exec(said)?.[1]);
    assert.equal(inode, number("Inode"));
    assert.deepEqual([uid, gid, links], [number("User"), number("Group"), number("Links")]);
    const seconds = Number.parseInt(/mtime: 0x([0-9a-f]+)/.exec(said)?.[1] ?? "", 16);
    assert.equal(Math.floor(modifiedMs / 1000), seconds);
  }
}

test("FileSystem: paths lead where they do below the image's own root", () => {
  using file = openFile(makeImage("paths.img", ["-t", "ext4"]));
  const fs = openExt4(file);
  const text = (path: string) => fs.readFile(path, MIB).toString();
  assert.equal(text("/etc/fast"), "60 bytes or fewer");
  assert.equal(text("etc//./fast"), "60 bytes or fewer");
  assert.equal(text("/empty/up"), "60 bytes or fewer");
  assert.equal(text("/dir/../dir/tiny"), "60 bytes or fewer");
  assert.equal(text("/etc/größe"), "by its UTF-8 name");
  assert.equal(text("/etc/latin1-\udce4"), "by its bytes");
  assert.equal(fs.readFile("/etc/slow", MIB).length, 150);
  assert.equal(fs.stat("/etc/fast").type, "symlink");
  assert.equal(fs.stat("/etc/fast/").type, "symlink");
  assert.equal(fs.stat("/dir/fast").type, "symlink");
  assert.equal([...fs.readDirectory("/etc/many")].length, 600);
  assert.throws(() => fs.stat("/etc/tiny/more"), { code: "disk/not-found" });
  assert.throws(() => fs.stat("/etc/missing"), { code: "disk/not-found" });
  assert.throws(() => fs.openFile("/etc/loop"), { code: "disk/damaged" });
  assert.throws(() => fs.openFile("/etc"), { code: "disk/unsupported" });
  const chunks = [...fs.readChunks("/etc/large", 10, 2 * MIB)];
  assert.ok(Buffer.concat(chunks).equals(noise.subarray(10, 2 * MIB)));
  assert.ok(chunks.every(({ length }) => length <= MIB));
});

test("openExt4: changed metadata are found out by their checksums", () => {
  const image = makeImage("checksums.img", ["-t", "ext4", "-b", "4096"]);
  const sound = readFileSync(image);
  const where = (path: string) => run("debugfs", "-R", path, image);
  const block = Number(where("blocks /etc/many").trim().split(/\s+/)[1]);
  const inode = /located at block (\d+), offset (0x[0-9a-f]+)/.exec(where("imap /etc/tiny"));
  const places = [
    ["superblock", 1024 + 0x78],
    ["directory", block * 4096 + 100],
    ["inode", Number(inode?.[1]) * 4096 + Number(inode?.[2]) + 2],
    ["group descriptor", 4096 + 0x0c],
  ] as const;
  for (const [what, at] of places) {
    const bytes = Buffer.from(sound);
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    writeFileSync(image, bytes);
    using file = openFile(image);
    const read = () => {
      const fs = openExt4(file);
      fs.readFile("/etc/tiny", MIB);
      return [...fs.readDirectory("/etc/many")];
    };
    assert.throws(read, { code: "disk/damaged", message: /checksum/ }, what);
  }
});

test("openExt4: an encrypted directory is said to be", () => {
  const image = makeImage("encrypted.img", ["-t", "ext4", "-O", "encrypt"]);
  run("debugfs", "-w", "-R", "set_inode_field /etc/many flags 0x80800", image);
  using file = openFile(image);
  const fs = openExt4(file);
  assert.equal(fs.volume.isDirty, false);
  assert.deepEqual(fs.volume.journal, { state: "clean" });
  assert.equal(fs.stat("/etc/many").encrypted, true);
  assert.throws(() => [...fs.readDirectory("/etc/many")], { code: "disk/encrypted" });
  const problems = [...fs.walk()].flatMap(({ path, problem }) =>
    problem ? [[path, problem.code]] : [],
  );
  assert.deepEqual(problems, [["/etc/many", "disk/encrypted"]]);
});

test("openExt4: ext2 that nobody unmounted is dirty, without a journal", () => {
  const image = makeImage("in-use.img", ["-t", "ext2"]);
  run("debugfs", "-w", "-R", "set_super_value state 0", image);
  using file = openFile(image);
  const { isDirty, journal } = openExt4(file).volume;
  assert.deepEqual([isDirty, journal], [true, undefined]);
});
