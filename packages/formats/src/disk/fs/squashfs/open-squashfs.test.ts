import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { after, test } from "node:test";
import { BytesReader } from "../../bytes-reader.ts";
import { makeScratch, openFile, readAll, run } from "../../disk.fixture.ts";
import { makeNoise, writeOddFiles } from "../odd-files.fixture.ts";
import { openSquashfs } from "./open-squashfs.ts";

const KIB = 1024;
const scratch = makeScratch();
after(() => scratch[Symbol.dispose]());

const tree = scratch.path("tree");
const noise = makeNoise(700 * KIB);
makeTree();

/** What squashfs keeps in ways of its own: ends that share a block, holes, what does not compress, many. */
function makeTree(): void {
  const at = (name: string) => `${tree}/${name}`;
  writeOddFiles(tree, { many: 900 });
  writeFileSync(at("etc/small"), "of few bytes");
  writeFileSync(at("etc/large"), noise);
  writeFileSync(at("etc/text"), "text that repeats ".repeat(20_000));
  writeFileSync(at("etc/whole"), noise.subarray(0, 128 * KIB));
  symlinkSync("small", at("etc/link"));
  run("mkfifo", at("fifo"));
  run("ln", at("etc/small"), at("hard")); // more than one link is told by an extended inode
  utimesSync(at("etc/small"), 1_700_000_000, 1_700_000_000);
}

const DEVICES = ["-p", "disk b 640 0 6 8 1", "-p", "null c 666 0 0 1 3"];
const shapes: readonly (readonly [name: string, options: readonly string[]])[] = [
  ["gzip", ["-comp", "gzip"]],
  ["xz", ["-comp", "xz"]],
  ["xz, x86", ["-comp", "xz", "-Xbcj", "x86"]],
  ["lz4", ["-comp", "lz4"]],
  ["lz4, high", ["-comp", "lz4", "-Xhc"]],
  ["zstd", ["-comp", "zstd"]],
  ["lzo", ["-comp", "lzo"]],
  ["blocks of 4 KiB", ["-b", "4K"]],
  ["blocks of 1 MiB, ends of all files packed", ["-b", "1M", "-always-use-fragments"]],
  ["nothing compressed, no fragments", ["-noI", "-noD", "-noF", "-no-fragments"]],
];

for (const [name, options] of shapes) {
  test(`openSquashfs: ${name}, every file byte for byte and as unsquashfs has it`, () => {
    const image = makeImage("shape.img", options);
    using file = openFile(image);
    const fs = openSquashfs(file);
    assert.equal(fs.volume.type, "squashfs");
    const files = [...fs.walk()];
    const problems = files.flatMap(({ problem }) => problem ?? []);
    assert.deepEqual(problems, []);
    const seen = files.map(({ path, node }) => {
      assert.ok(node !== undefined);
      const { type, mode, size, modifiedMs, uid, gid } = node.stat;
      const target = type === "symlink" ? ` -> ${node.target()}` : "";
      const length = type === "file" || type === "symlink" ? size : "";
      return `${path} ${type} ${mode.toString(8)} ${uid}/${gid} ${length} ${Math.floor(modifiedMs / 60_000)}${target}`;
    });
    assert.deepEqual(seen.toSorted(), listWithUnsquashfs(image));
    for (const { path, node } of files) {
      if (node?.stat.type !== "file") continue;
      assert.ok(readAll(node.contents(), 70_001).equals(readFileSync(`${tree}${path}`)), path);
    }
    assert.equal(fs.stat("/hard").inode, fs.stat("/etc/small").inode);
    assert.equal(fs.stat("/hard").links, 2);
  });
}

function makeImage(name: string, options: readonly string[]): string {
  const image = scratch.path(name);
  run("mksquashfs", tree, image, "-noappend", "-quiet", "-no-progress", ...options, ...DEVICES);
  return image;
}

const TYPES: Readonly<Record<string, string>> = {
  "-": "file",
  d: "directory",
  l: "symlink",
  b: "block-device",
  c: "character-device",
  p: "fifo",
};

/** `-rw-r--r-- 0/0   12 2023-11-14 22:13 /etc/small`, times in UTC. */
function listWithUnsquashfs(image: string): readonly string[] {
  const lines = execFileSync("unsquashfs", ["-d", "", "-UTC", "-llnumeric", image], {
    encoding: "utf8",
  });
  return lines
    .split("\n")
    .flatMap((line) => {
      const fields = /^(.)(\S{9}) (\S+) +(\d+(?:, *\d+)?) (\S+) (\S+) (\/.*)$/.exec(line);
      if (fields === null) return [];
      const [, letter = "", bits = "", ids, size = "", day, time, rest = ""] = fields;
      const [path = "", target] = rest.split(" -> ");
      const type = TYPES[letter] ?? assert.fail(line);
      const length = type === "file" || type === "symlink" ? size : "";
      const minutes = Date.parse(`${day}T${time}Z`) / 60_000;
      const arrow = target === undefined ? "" : ` -> ${target}`;
      return [`${path} ${type} ${modeOf(bits).toString(8)} ${ids} ${length} ${minutes}${arrow}`];
    })
    .toSorted();
}

const modeOf = (bits: string): number =>
  [...bits].reduce((mode, letter) => mode * 2 + (letter === "-" ? 0 : 1), 0);

test("openSquashfs: images that no tool writes", () => {
  const sound = readFileSync(makeImage("sound.img", ["-comp", "gzip"]));
  const open = (change: (copy: Buffer) => void) => {
    const copy = Buffer.from(sound);
    change(copy);
    return openSquashfs(new BytesReader(copy));
  };
  const cases = {
    "a version to come": [(copy: Buffer) => copy.writeUInt16LE(5, 28), "disk/unsupported"],
    "compressed by LZMA": [(copy: Buffer) => copy.writeUInt16LE(2, 20), "disk/unsupported"],
    "blocks of 2 GiB": [(copy: Buffer) => copy.writeUInt16LE(31, 22), "disk/damaged"],
    "larger than it is": [(copy: Buffer) => copy.writeBigUInt64LE(2n ** 60n, 40), "disk/truncated"],
    "inodes behind its end": [
      (copy: Buffer) => copy.writeBigUInt64LE(2n ** 50n, 64),
      "disk/damaged",
    ],
    "a root behind its end": [
      (copy: Buffer) => copy.writeBigUInt64LE(2n ** 63n, 32),
      "disk/damaged",
    ],
    "users in its superblock": [(copy: Buffer) => copy.writeBigUInt64LE(1n, 48), "disk/damaged"],
    "no users": [(copy: Buffer) => copy.writeUInt16LE(0, 26), "disk/damaged"],
  } as const;
  for (const [name, [change, code]] of Object.entries(cases)) {
    assert.throws(() => open(change), { code }, name);
  }
  assert.throws(() => openSquashfs(new BytesReader(Buffer.alloc(4096))), {
    code: "disk/unknown-format",
  });
});

test("openSquashfs: a file of an exabyte, and one whose blocks are of others", () => {
  const plain = readFileSync(makeImage("plain.img", ["-noI", "-noD", "-noF", "-b", "4K"]));
  using file = openFile(scratch.path("plain.img"));
  const { size } = openSquashfs(file).stat("/etc/whole");
  // The inode of /etc/whole is not compressed: type 2, and its size is the last of 32 bytes.
  const word = Buffer.alloc(4);
  word.writeUInt32LE(size);
  for (let at = plain.indexOf(word); at >= 0; at = plain.indexOf(word, at + 1)) {
    plain.writeUInt32LE(0xffff_ffff, at);
  }
  const fs = openSquashfs(new BytesReader(plain));
  assert.throws(() => [...fs.readChunks("/etc/whole", 0, size)], { code: "disk/damaged" });
});
