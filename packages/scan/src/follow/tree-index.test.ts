import assert from "node:assert/strict";
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { after, test } from "node:test";
import { CasemateError } from "@casemate/core";
import fc from "fast-check";
import { diskOf, makeScratch, run } from "../system.fixture.ts";
import { assertExplains, findDifferences, listFiles } from "./listing.fixture.ts";
import { RangeSet } from "./range-set.ts";
import { TreeIndex } from "./tree-index.ts";

const scratch = makeScratch();
after(() => scratch[Symbol.dispose]());

const KINDS = [
  ["-t", "ext4", "-b", "1024"],
  ["-t", "ext4", "-b", "4096", "-O", "inline_data"],
  ["-t", "ext3", "-b", "1024", "-O", "^dir_index"],
  ["-t", "ext4", "-b", "2048", "-O", "^metadata_csum"],
] as const;
const SIZES = [0, 40, 100, 3000, 70_000, 400_000];
for (const [kind, options] of KINDS.entries()) {
  run("mke2fs", "-q", "-F", ...options, scratch.path(`empty-${kind}`), "8M");
}
for (const size of SIZES) {
  writeFileSync(scratch.path(`of-${size}`), Buffer.alloc(size, `${size} bytes `));
}

/** What was done to a tree so far: directories and other files, by their paths. */
class Script {
  readonly lines: string[] = [];
  #directories = [""];
  #files: string[] = [];
  readonly #symlinks = new Set<string>();
  #made = 0;

  do(operation: number, one: number, other: number): void {
    const directory = this.#directories[one % this.#directories.length] ?? "";
    const file = this.#files[one % Math.max(this.#files.length, 1)];
    const target = this.#directories[other % this.#directories.length] ?? "";
    this.#made += 1;
    const fresh = `${target}/${"n".repeat(1 + (other % 60))}${this.#made}`;
    if (operation === 0) {
      this.lines.push(`mkdir ${fresh}`);
      this.#directories.push(fresh);
    } else if (operation <= 2 || file === undefined) {
      const size = SIZES[one % SIZES.length] ?? 0;
      this.lines.push(`write ${scratch.path(`of-${size}`)} ${fresh}`);
      // debugfs gives all files the same; the kernel never does.
      this.lines.push(`sif ${fresh} generation ${1000 + this.#made}`);
      this.#files.push(fresh);
    } else if (operation === 3) {
      this.lines.push(`rm ${file}`);
      this.#files = this.#files.filter((each) => each !== file);
    } else if (operation === 4) {
      this.lines.push(`ln ${file} ${fresh}`, `unlink ${file}`);
      this.#files = this.#files.map((each) => (each === file ? fresh : each));
      if (this.#symlinks.has(file)) this.#symlinks.add(fresh);
    } else if (operation === 5) {
      if (directory === "" || `${target}/`.startsWith(`${directory}/`)) return;
      this.lines.push(`ln ${directory} ${fresh}`, `unlink ${directory}`);
      const move = (path: string) =>
        `${path}/`.startsWith(`${directory}/`) ? fresh + path.slice(directory.length) : path;
      this.#directories = this.#directories.map(move);
      this.#files = this.#files.map(move);
      for (const link of this.#symlinks) this.#symlinks.add(move(link));
    } else if (operation === 6) {
      if (this.#symlinks.has(file)) return;
      this.lines.push(`sif ${file} mode 0100${other % 8}44`, `sif ${file} uid ${one}`);
    } else if (operation === 7) {
      this.lines.push(`symlink ${fresh} ${"../".repeat(other % 90)}x`);
      this.#files.push(fresh);
      this.#symlinks.add(fresh);
    } else if (operation === 8) {
      if (this.#symlinks.has(file)) return;
      this.lines.push(`punch ${file} 1 3`);
    } else if (operation === 9) {
      // Everything in it goes with it, as to whoever looks from outside.
      if (directory === "") return;
      this.lines.push(`unlink ${directory}`);
      const isKept = (path: string) => !`${path}/`.startsWith(`${directory}/`);
      this.#directories = this.#directories.filter(isKept);
      this.#files = this.#files.filter(isKept);
    } else if (operation === 10) {
      // Another file by the same name, and mostly by the same inode.
      this.lines.push(`rm ${file}`, `write ${scratch.path("of-3000")} ${file}`);
      this.lines.push(`sif ${file} generation ${1000 + this.#made}`);
    }
  }
}

function debugfs(image: string, lines: readonly string[]): void {
  const commands = scratch.path("commands");
  writeFileSync(commands, `${lines.join("\n")}\n`);
  run("debugfs", "-w", "-f", commands, image);
}

test("TreeIndex.update: what was done by debugfs explains the second listing", () => {
  const operations = fc.array(fc.tuple(fc.nat(10), fc.nat(500), fc.nat(500)), {
    minLength: 1,
    maxLength: 25,
  });
  fc.assert(
    fc.property(
      fc.nat(KINDS.length - 1),
      fc.array(operations, { minLength: 2, maxLength: 4 }),
      (kind, rounds) => {
        const image = scratch.path("image");
        copyFileSync(scratch.path(`empty-${kind}`), image);
        const script = new Script();
        for (let i = 0; i < 12; i += 1) script.do(i % 3, i, i + 1);
        debugfs(image, script.lines.splice(0));
        let bytes = readFileSync(image);
        let listing = listFiles(diskOf(bytes));
        const index = new TreeIndex(diskOf(bytes));
        assert.deepEqual(index.missed, []);
        for (const round of rounds) {
          for (const [operation, one, other] of round) script.do(operation, one, other);
          debugfs(image, script.lines.splice(0));
          const now = readFileSync(image);
          const seen = listFiles(diskOf(now));
          const { events, missed } = index.update(diskOf(now), findDifferences(bytes, now, 512));
          assert.deepEqual(missed, []);
          assertExplains(events, listing, seen);
          assert.equal(index.files, new Set([...seen.values()].map(({ stat }) => stat.inode)).size);
          // All may have been written to: nothing else happened.
          const all = new RangeSet([{ start: 0, end: now.length }]);
          const again = index.update(diskOf(now), all).events;
          assert.deepEqual(
            again.filter(({ kind }) => kind !== "contents"),
            [],
          );
          assert.deepEqual(index.update(diskOf(now), new RangeSet([])).events, []);
          [bytes, listing] = [now, seen];
        }
      },
    ),
    { numRuns: 12, endOnFailure: true },
  );
});

test("TreeIndex.update: a directory that is below itself is gone, and said to be damage", () => {
  const image = scratch.path("circle");
  copyFileSync(scratch.path("empty-0"), image);
  debugfs(image, ["mkdir /a", "mkdir /a/b", `write ${scratch.path("of-40")} /a/b/file`]);
  const before = readFileSync(image);
  const index = new TreeIndex(diskOf(before));
  debugfs(image, ["ln /a /a/b/circle", "unlink /a"]);
  const after = readFileSync(image);
  const { events, missed } = index.update(diskOf(after), findDifferences(before, after, 512));
  const deleted = events.flatMap(({ kind, path }) => (kind === "deleted" ? [path] : []));
  assert.deepEqual(deleted, ["/a/b/file", "/a/b", "/a"]);
  assert.deepEqual(missed, []);
  debugfs(image, ["mkdir /c", "mkdir /c/d", "ln /c /c/d/again"]);
  const second = readFileSync(image);
  const now = index.update(diskOf(second), findDifferences(after, second, 512));
  assert.deepEqual(
    now.events.flatMap(({ kind, path }) => (kind === "created" ? [path] : [])),
    ["/c", "/c/d"],
  );
  assert.deepEqual(
    now.missed.map(({ what, code }) => [what, code]),
    [["/c/d/again", "disk/damaged"]],
  );
});

test("TreeIndex.update: whatever a guest writes, it ends, and goes on from there", () => {
  const image = scratch.path("hostile");
  copyFileSync(scratch.path("empty-2"), image);
  const script = new Script();
  for (let i = 0; i < 40; i += 1) script.do(i % 3, i, i + 1);
  debugfs(image, script.lines);
  const sound = readFileSync(image);
  const all = new RangeSet([{ start: 0, end: sound.length }]);
  const used = new Set(findDifferences(Buffer.alloc(sound.length), sound, 1024));
  const places = [...used].flatMap(({ start, end }) => [start, Math.max(start, end - 1024)]);
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(places.length - 1), fc.nat(1023), fc.nat(255)), { minLength: 1 }),
      (changes) => {
        const changed = Buffer.from(sound);
        for (const [place, at, value] of changes) changed[(places[place] ?? 0) + at] = value;
        const index = new TreeIndex(diskOf(sound));
        try {
          index.update(diskOf(changed), all);
        } catch (thrown) {
          assert.ok(thrown instanceof CasemateError && thrown.code !== "internal", String(thrown));
          return;
        }
        const { events } = index.update(diskOf(sound), all);
        assert.ok(events.length < 1000);
        assert.equal(index.files, new TreeIndex(diskOf(sound)).files);
      },
    ),
    { numRuns: 60, endOnFailure: true },
  );
});

test("TreeIndex: a tree that is too large for its memory is refused", () => {
  const bytes = readFileSync(scratch.path("empty-0"));
  assert.throws(() => new TreeIndex(diskOf(bytes), 500), { code: "disk/unsupported" });
});
