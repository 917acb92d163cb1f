import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { hash } from "node:crypto";
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { after, test } from "node:test";
import { BytesReader } from "../../../bytes-reader.ts";
import { makeScratch, readAll, run } from "../../../disk.fixture.ts";
import type { FileSystem } from "../../file-system.ts";
import { openExt4 } from "../open-ext4.ts";

const BLOCK = 1024;
const scratch = makeScratch();
after(() => scratch[Symbol.dispose]());

/** A file whose blocks begin as the log's own do. */
const escaped = Buffer.concat(
  [0, 1, 2].flatMap((fill) => [Buffer.from("c03b3998", "hex"), Buffer.alloc(BLOCK - 4, fill)]),
);
writeFileSync(scratch.path("escaped"), escaped);
writeFileSync(scratch.path("first"), "what was there before");
writeFileSync(scratch.path("second"), "second ".repeat(3000));

const formats: readonly (readonly [name: string, mke2fs: readonly string[], open: string])[] = [
  ["ext3, 32-bit tags", ["-t", "ext3"], "jo"],
  [
    "ext4, 32-bit tags, descriptors with 16-bit checksums",
    ["-t", "ext4", "-O", "^64bit,^metadata_csum,uninit_bg"],
    "jo",
  ],
  ["ext4, 64-bit tags", ["-t", "ext4", "-O", "64bit,^metadata_csum"], "jo"],
  ["ext4, 32-bit tags, checksums of version 2", ["-t", "ext4", "-O", "^64bit"], "jo -c -v 2"],
  ["ext4, checksums of version 2", ["-t", "ext4"], "jo -c -v 2"],
  ["ext4, checksums of version 3", ["-t", "ext4"], "jo -c -v 3"],
];

for (const [name, options, open] of formats) {
  test(`openExt4: a journal to be replayed (${name}), every file as after e2fsck`, () => {
    const image = makeDirty(options, open);
    const before = readFileSync(image);
    const fs = openExt4(new BytesReader(before));
    assert.deepEqual(fs.volume.journal, { state: "replayed", transactions: 3 });
    assert.equal(fs.volume.isDirty, false);
    recover(image);
    const after = openExt4(new BytesReader(readFileSync(image)));
    assert.deepEqual(after.volume.journal, { state: "clean" });
    assert.deepEqual(describe(fs), describe(after));
    assert.deepEqual(fs.readFile("/escaped", 9999), escaped);
    run("debugfs", "-R", `dump /many/second ${scratch.path("dumped")}`, image);
    assert.deepEqual(fs.readFile("/many/second", 99_999), readFileSync(scratch.path("dumped")));
    assert.equal(fs.readFile("/kept", 99).toString(), "what was there before");
    assert.throws(() => fs.stat("/first"), { code: "disk/not-found" });
  });
}

test("openExt4: a log that goes on at its start", () => {
  const image = makeDirty(["-t", "ext3"], "jo");
  const bytes = readFileSync(image);
  const straight = describe(openExt4(new BytesReader(bytes)));
  const log = journalBlocks(image);
  const turned = Buffer.from(bytes);
  const [first = 0, ...ring] = log;
  const by = ring.length - 3;
  for (const [i, from] of ring.entries()) {
    const to = ring[(i + by) % ring.length] ?? 0;
    bytes.copy(turned, to * BLOCK, from * BLOCK, (from + 1) * BLOCK);
  }
  turned.writeUInt32BE(1 + by, first * BLOCK + 0x1c);
  const fs = openExt4(new BytesReader(turned));
  assert.deepEqual(fs.volume.journal, { state: "replayed", transactions: 3 });
  assert.deepEqual(describe(fs), straight);
  writeFileSync(image, turned);
  recover(image);
  assert.deepEqual(describe(openExt4(new BytesReader(readFileSync(image)))), straight);
});

test("openExt4: what was not committed is not seen, nor what follows a damaged transaction", () => {
  const image = makeDirty(["-t", "ext4"], "jo -c -v 3");
  const bytes = readFileSync(image);
  const [first = 0, ...ring] = journalBlocks(image);
  const type = (at: number) => bytes.readUInt32BE(at * BLOCK + 4);
  const isHeader = (at: number) => bytes.readUInt32BE(at * BLOCK) === 0xc03b3998;
  const commits = ring.filter((at) => isHeader(at) && type(at) === 2);
  assert.equal(commits.length, 3);
  const open = (change: (copy: Buffer) => void) => {
    const copy = Buffer.from(bytes);
    change(copy);
    return openExt4(new BytesReader(copy)).volume;
  };
  const [, , last = 0] = commits;
  const cut = open((copy) => copy.fill(0, last * BLOCK, (last + 1) * BLOCK));
  assert.deepEqual(cut.journal, { state: "replayed", transactions: 2 });

  const changed = open((copy) => copy.writeUInt8(1, last * BLOCK + 100));
  assert.equal(changed.isDirty, true);
  assert.deepEqual(changed.journal, {
    state: "incomplete",
    transactions: 2,
    reason: "transaction 3 does not match its checksum",
  });
  const older = open((copy) => {
    copy.writeUInt8(1, last * BLOCK + 100);
    copy.writeBigUInt64BE(1n, last * BLOCK + 48);
  });
  assert.deepEqual(older.journal, { state: "replayed", transactions: 2 });

  const superblock = open((copy) => copy.writeUInt8(1, first * BLOCK + 200));
  assert.equal(superblock.journal?.state, "incomplete");

  // A logged block is verified when it is read: here, one of all that the second transaction has.
  const copy = Buffer.from(bytes);
  const afterDescriptor = ring.filter((at) => !isHeader(at));
  for (const at of afterDescriptor)
    copy.writeUInt8((copy[at * BLOCK + 9] ?? 0) ^ 1, at * BLOCK + 9);
  assert.throws(() => describe(openExt4(new BytesReader(copy))), { code: "disk/damaged" });
});

test("openExt4: journals that no kernel writes", () => {
  const image = makeDirty(["-t", "ext3"], "jo");
  const bytes = readFileSync(image);
  const [first = 0, ...ring] = journalBlocks(image);
  const at = first * BLOCK;
  const journalOf = (change: (copy: Buffer) => void) => {
    const copy = Buffer.from(bytes);
    change(copy);
    return openExt4(new BytesReader(copy)).volume.journal;
  };
  const incomplete = {
    "of a billion blocks": [0x10, 1_000_000_000],
    "with blocks of another size": [0x0c, 4096],
    "that begins at its superblock": [0x14, 0],
    "that begins behind its end": [0x14, 99_999_999],
    "whose first transaction is behind its end": [0x1c, 99_999_999],
    "with features to come": [0x28, 0x8000],
    "that is none": [0, 0],
  } as const;
  for (const [name, [field, value]] of Object.entries(incomplete)) {
    const journal = journalOf((copy) => copy.writeUInt32BE(value, at + field));
    assert.equal(journal?.state, "incomplete", name);
  }
  assert.deepEqual(
    journalOf((copy) => copy.writeUInt32BE(0xffff_fff0, at + 0x18)),
    { state: "replayed", transactions: 0 },
  );
  // Every block is one descriptor, whose tags tell of blocks that no file system has.
  const circle = journalOf((copy) => {
    const block = Buffer.alloc(BLOCK, 0xff);
    block.set(copy.subarray((ring[0] ?? 0) * BLOCK, (ring[0] ?? 0) * BLOCK + 12));
    for (let i = 12; i + 8 <= BLOCK; i += 8) block.writeUInt32BE(2, i + 4);
    for (const each of ring) copy.set(block, each * BLOCK);
  });
  assert.deepEqual(circle, { state: "replayed", transactions: 0 });
  const beyond = journalOf((copy) => {
    const descriptor = ring.find((each) => copy.readUInt32BE(each * BLOCK + 4) === 1) ?? 0;
    copy.writeUInt32BE(0xffff_ffff, descriptor * BLOCK + 12);
  });
  assert.match(beyond?.state === "incomplete" ? beyond.reason : "", /block 4294967295 of/);
  // On another device, as `mke2fs -J device=` has it.
  assert.match(
    String(JSON.stringify(journalOf((copy) => copy.writeUInt32LE(0, 1024 + 0xe0)))),
    /on another device/,
  );
});

/**
 * A file system whose last changes, three transactions of them, are in its journal only: the first has the
 * directory and a file, the second what replaces them, the third revokes a block of the first.
 */
function makeDirty(options: readonly string[], open: string): string {
  const image = scratch.path("dirty.img");
  const later = scratch.path("later.img");
  run("mke2fs", "-q", "-F", "-b", "1024", "-N", "64", "-J", "size=1", ...options, image, "8M");
  const debugfs = (file: string, ...commands: readonly string[]) => {
    writeFileSync(scratch.path("commands"), commands.map((each) => `${each}\n`).join(""));
    run("debugfs", "-w", "-f", scratch.path("commands"), file);
  };
  debugfs(image, `write ${scratch.path("first")} first`, `write ${scratch.path("first")} kept`);
  const original = readFileSync(image);
  copyFileSync(image, later);
  debugfs(later, "mkdir many", "cd many", `write ${scratch.path("first")} second`);
  const middle = readFileSync(later);
  debugfs(
    later,
    "cd many",
    "rm second",
    `write ${scratch.path("second")} second`,
    "symlink link second",
    "cd /",
    `write ${scratch.path("escaped")} escaped`,
    "rm first",
  );
  const last = readFileSync(later);
  const log = (name: string, from: Buffer, to: Buffer, more: Record<number, Buffer> = {}) => {
    const logged = new Map(Object.entries(more).map(([at, block]) => [Number(at), block]));
    // The superblock stays as it is: it says that the journal is to be replayed.
    for (let at = 2; at < to.length / BLOCK; at += 1) {
      const block = to.subarray(at * BLOCK, (at + 1) * BLOCK);
      if (!block.equals(from.subarray(at * BLOCK, (at + 1) * BLOCK))) logged.set(at, block);
    }
    writeFileSync(scratch.path(name), Buffer.concat([...logged.values()]));
    return `jw -b ${[...logged.keys()].join(",")} ${scratch.path(name)}`;
  };
  // What was logged of a block before it became part of a file is void.
  const kept = Number(run("debugfs", "-R", "blocks /kept", image));
  const lists = [
    log("1", original, middle, { [kept]: Buffer.alloc(BLOCK, "void") }),
    log("2", middle, last),
    `jw -r ${kept},8000`,
  ];
  debugfs(image, open, ...lists, "jc");
  return image;
}

/** Replays it, and mends the counts of free blocks that debugfs left. */
function recover(image: string): void {
  const { status, stdout } = spawnSync("/sbin/e2fsck", ["-fy", image], { encoding: "utf8" });
  assert.ok(status === 0 || status === 1, stdout);
  assert.match(stdout, /recovering journal/);
}

/** Where the blocks of the journal are, in its order. */
function journalBlocks(image: string): readonly number[] {
  const words = run("debugfs", "-R", "blocks <8>", image).trim().split(/\s+/).map(Number);
  const indirect = new Set(
    [
      ...run("debugfs", "-R", "stat <8>", image).matchAll(/\([DT]?IND\):(\d+)|\(ETB\d+\):(\d+)/g),
    ].map(([, a, b]) => Number(a ?? b)),
  );
  return words.filter((each) => !indirect.has(each));
}

function describe(fs: FileSystem): unknown {
  return [...fs.walk()].map(({ path, node, problem }) => {
    if (problem !== undefined) throw problem;
    const contents = node.stat.type === "file" ? readAll(node.contents()) : "";
    const target = node.stat.type === "symlink" ? node.target() : undefined;
    return { path, ...node.stat, target, sha256: hash("sha256", contents) };
  });
}
