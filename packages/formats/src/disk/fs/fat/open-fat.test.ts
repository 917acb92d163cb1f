import assert from "node:assert/strict";
import { readFileSync, truncateSync, writeFileSync } from "node:fs";
import { after, test } from "node:test";
import { BytesReader } from "../../bytes-reader.ts";
import { makeScratch, openFile, readAll, run } from "../../disk.fixture.ts";
import { walkVolumes } from "../../walk-volumes.ts";
import { makeNoise } from "../odd-files.fixture.ts";
import { openFat } from "./open-fat.ts";

const MIB = 1024 * 1024;
const scratch = makeScratch();
after(() => scratch[Symbol.dispose]());
const noise = makeNoise(300_000);

/** What mtools puts on a disk, by path. */
const files: Readonly<Record<string, Buffer>> = {
  "/EFI/BOOT/BOOTX64.EFI": noise,
  "/EFI/debian/grub.cfg": Buffer.from("set prefix=($root)/boot/grub\n"),
  "/EFI/debian/größer, and a longer name than 13.txt": noise.subarray(0, 5000),
  "/EFI/debian/none": Buffer.alloc(0),
  "/lower.txt": Buffer.from("in lower case"),
  "/UPPER.TXT": Buffer.from("in upper case"),
  "/exactly-13-ch": Buffer.from("no end in its long name"),
  "/fragmented": noise.subarray(1000, 150_000),
};

const shapes = [
  ["FAT12", 2 * MIB, ["-F", "12", "-r", "224"]],
  ["FAT16", 16 * MIB, ["-F", "16", "-s", "2"]],
  ["FAT32", 40 * MIB, ["-F", "32", "-s", "1"]],
  ["FAT32, clusters of 2 KiB", 140 * MIB, ["-F", "32", "-s", "4"]],
  ["FAT32, one table", 40 * MIB, ["-F", "32", "-f", "1"]],
] as const;

function makeFat(name: string, size: number, options: readonly string[]): string {
  const image = scratch.path(name);
  writeFileSync(image, "");
  truncateSync(image, size);
  run("mkfs.fat", ...options, "-n", "CASEMATE", "-i", "cafe1234", image);
  run("mmd", "-i", image, "::/EFI", "::/EFI/BOOT", "::/EFI/debian", "::/many");
  const file = scratch.path("file");
  writeFileSync(file, noise.subarray(0, 100_000));
  // Free again between others, so that what comes last is in pieces.
  for (const hole of ["hole1", "hole2", "hole3"]) {
    run("mcopy", "-i", image, file, `::/${hole}`);
    run("mcopy", "-i", image, file, `::/many/${hole}`);
  }
  for (const hole of ["hole1", "hole3"]) run("mdel", "-i", image, `::/${hole}`);
  for (const [path, contents] of Object.entries(files)) {
    writeFileSync(file, contents);
    run("mcopy", "-i", image, "-m", file, `::${path}`);
  }
  const names = Array.from({ length: 150 }, (_, i) => scratch.path(`a-longer-name-${i}`));
  for (const path of names) writeFileSync(path, path);
  run("mcopy", "-i", image, ...names, "::/many");
  return image;
}

for (const [name, size, options] of shapes) {
  test(`openFat: ${name}, every file byte for byte`, () => {
    const image = makeFat("shape.img", size, options);
    run("fsck.fat", "-n", image);
    using file = openFile(image);
    const fs = openFat(file);
    const { type, label, uuid, isDirty } = fs.volume;
    assert.deepEqual(
      { type, label, uuid, isDirty },
      {
        ...{ type: "vfat", label: "CASEMATE", uuid: "CAFE-1234", isDirty: false },
      },
    );
    for (const [path, contents] of Object.entries(files)) {
      assert.ok(fs.readFile(path, MIB).equals(contents), path);
      assert.equal(fs.stat(path).modifiedMs % 2000, 0);
    }
    const walked = [...fs.walk()].map(({ path, node, problem }) => {
      assert.equal(problem, undefined);
      return { path, inode: node?.stat.inode };
    });
    const told = run("mdir", "-i", image, "-/", "-b", "::/")
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => line.replace(/^::/, "").replace(/\/$/, ""));
    assert.deepEqual(walked.map(({ path }) => path).toSorted(), told.toSorted());
    assert.equal(new Set(walked.map(({ inode }) => inode)).size, walked.length);
    assert.ok(fs.readFile("/many/hole2", MIB).equals(noise.subarray(0, 100_000)));
    const [only, ...others] = walkVolumes([file]);
    assert.equal(only?.holds, "vfat");
    assert.equal(others.length, 0);
  });
}

/** A sound disk whose parts are easily told: where its tables and its root directory begin. */
function makeSmall() {
  const bytes = readFileSync(makeFat("small.img", 2 * MIB, ["-F", "12", "-s", "1", "-r", "224"]));
  const tables = bytes.readUInt16LE(14) * 512;
  const tableSize = bytes.readUInt16LE(22) * 512;
  const entryOf = (short: string) => bytes.indexOf(short, tables + 2 * tableSize, "latin1");
  return { bytes, tables, tableSize, entryOf };
}

/** Sets an entry of a FAT12. */
function link(bytes: Buffer, table: number, cluster: number, next: number): void {
  const at = table + Math.floor((cluster * 3) / 2);
  const old = bytes.readUInt16LE(at);
  const isEven = cluster % 2 === 0;
  bytes.writeUInt16LE(isEven ? (old & 0xf000) | next : (old & 0xf) | (next << 4), at);
}

test("openFat: a table that is damaged is read from its copy; where both are, it is said", () => {
  const { bytes, tables, tableSize, entryOf } = makeSmall();
  const first = bytes.readUInt16LE(entryOf("FRAGME~1") + 26);
  const read = () => openFat(new BytesReader(bytes)).readFile("/fragmented", MIB);
  link(bytes, tables, first, 0xff0);
  assert.ok(read().equals(files["/fragmented"] ?? noise));
  link(bytes, tables + tableSize, first, 0);
  assert.throws(read, { code: "disk/damaged" });
});

test("openFat: chains that lead back into themselves, and chains that are too short", () => {
  for (const [hops, target, what] of [
    [0, 0, "itself"],
    [1, 0, "its start"],
    [5, 3, "its middle"],
  ] as const) {
    const { bytes, tables, tableSize, entryOf } = makeSmall();
    const first = bytes.readUInt16LE(entryOf("FRAGME~1") + 26);
    for (const table of [tables, tables + tableSize])
      link(bytes, table, first + hops, first + target);
    const fs = openFat(new BytesReader(bytes));
    assert.throws(() => fs.readFile("/fragmented", MIB), { code: "disk/damaged" }, what);
    for (const table of [tables, tables + tableSize]) link(bytes, table, first + hops, 0xfff);
    assert.throws(() => fs.readFile("/fragmented", MIB), { code: "disk/damaged" }, "an end");
  }
  const { bytes, tables, tableSize, entryOf } = makeSmall();
  const many = bytes.readUInt16LE(entryOf("MANY    ") + 26);
  for (const table of [tables, tables + tableSize]) link(bytes, table, many, many);
  const problems = [...openFat(new BytesReader(bytes)).walk()].flatMap(
    ({ problem }) => problem ?? [],
  );
  assert.deepEqual(
    problems.map(({ code }) => code),
    ["disk/damaged"],
  );
});

test("openFat: directories in themselves, files larger than the disk, long names of other files", () => {
  const { bytes, entryOf } = makeSmall();
  const efi = entryOf("EFI     ");
  const many = entryOf("MANY    ");
  bytes.writeUInt16LE(bytes.readUInt16LE(efi + 26), bytes.indexOf("BOOT    ", efi, "latin1") + 26);
  bytes.writeUInt16LE(0, many + 26); // the root's
  bytes.writeUInt32LE(0xffff_ffff, entryOf("FRAGME~1") + 28);
  const exactly = entryOf("EXACTL~1");
  bytes.write("OTHER", exactly, "latin1");
  const fs = openFat(new BytesReader(bytes));
  const walked = [...fs.walk()];
  assert.deepEqual(
    walked.flatMap(({ path, problem }) => (problem === undefined ? [] : [[path, problem.code]])),
    [
      ["/EFI/BOOT", "disk/damaged"],
      ["/many", "disk/damaged"],
    ],
  );
  assert.throws(() => fs.openFile("/fragmented"), { code: "disk/damaged" });
  assert.ok(walked.some(({ path }) => path === "/OTHERL~1"));
  assert.ok(!walked.some(({ path }) => path === "/exactly-13-ch"));
});

test("openFat: boot sectors that no tool writes", () => {
  const { bytes } = makeSmall();
  const changes: readonly (readonly [what: string, at: number, width: number, value: number])[] = [
    ["sectors of 3 bytes", 11, 2, 3],
    ["clusters of 3 sectors", 13, 1, 3],
    ["no sectors in a cluster", 13, 1, 0],
    ["no table", 16, 1, 0],
    ["a table of one sector", 22, 2, 1],
    ["a disk of one sector", 19, 2, 1],
    ["no signature", 510, 2, 0],
  ];
  for (const [what, at, width, value] of changes) {
    const other = Buffer.from(bytes);
    other.writeUIntLE(value, at, width);
    assert.throws(() => openFat(new BytesReader(other)), { code: "disk/damaged" }, what);
  }
  const large = Buffer.from(bytes);
  large.writeUInt16LE(4000, 19);
  assert.ok(readAll(openFat(new BytesReader(large)).openFile("/lower.txt")).length > 0);
  assert.throws(() => openFat(new BytesReader(bytes.subarray(0, 600))), { code: "disk/truncated" });
});
