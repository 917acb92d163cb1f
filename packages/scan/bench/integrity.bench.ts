/**
 * Files of packages against their checksums: 256 MiB of this machine's own packages on an ext4 file system, beside
 * reading and hashing the same bytes out of one plain file.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  appendFileSync,
  closeSync,
  copyFileSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { MiB, milliseconds } from "@casemate/core";
import { integritySections } from "../src/integrity/integrity-sections.ts";
import { scanSystem } from "../src/scan.ts";

const BYTES = 256 * MiB;
const RUNS = 5;
const LIMIT = 1.5;
const INFO = "/var/lib/dpkg/info";

const scratch = mkdtempSync(join(tmpdir(), "casemate-bench-"));
const tree = join(scratch, "tree");
const plain = join(scratch, "plain");
const image = join(scratch, "image");

/** Copies a file of this machine to the tree. */
function take(path: string): void {
  mkdirSync(dirname(join(tree, path)), { recursive: true });
  copyFileSync(path, join(tree, path));
}

/** Copies whole packages until there are enough bytes; says of how many files. */
function makeTree(): number {
  let bytes = 0;
  let files = 0;
  const names: string[] = [];
  for (const name of readdirSync(INFO).filter((each) => each.endsWith(".md5sums"))) {
    const stem = name.slice(0, -".md5sums".length);
    for (const line of readFileSync(`${INFO}/${name}`, "utf8").split("\n")) {
      const path = `/${line.slice(34)}`;
      const stat = lstatSync(path, { throwIfNoEntry: false });
      if (line === "" || stat?.isFile() !== true) continue;
      take(path);
      appendFileSync(plain, readFileSync(path));
      bytes += stat.size;
      files += 1;
    }
    take(`${INFO}/${name}`);
    take(`${INFO}/${stem}.list`);
    names.push(stem);
    if (bytes >= BYTES) break;
  }
  take("/etc/os-release");
  take("/var/lib/dpkg/status");
  execFileSync("mke2fs", [
    "-q",
    "-F",
    "-t",
    "ext4",
    "-d",
    tree,
    image,
    `${Math.ceil((bytes * 1.6) / MiB) + 64}M`,
  ]);
  return files;
}

/** Runs of two things in turn: the fastest of each in milliseconds. */
function measure(...works: readonly (() => void)[]): readonly number[] {
  const best = works.map(() => Number.POSITIVE_INFINITY);
  for (let i = 0; i < RUNS; i += 1) {
    for (const [which, work] of works.entries()) {
      const started = performance.now();
      work();
      best[which] = Math.min(best[which] ?? 0, performance.now() - started);
    }
  }
  return best;
}

try {
  const files = makeTree();
  const chunk = Buffer.alloc(MiB);
  const hashPlain = () => {
    const fd = openSync(plain, "r");
    const digest = createHash("md5");
    for (let count = readSync(fd, chunk); count > 0; count = readSync(fd, chunk)) {
      digest.update(chunk.subarray(0, count));
    }
    digest.digest();
    closeSync(fd);
  };
  const fd = openSync(image, "r");
  const reader = {
    size: fstatSync(fd).size,
    read: (offset: number, target: Uint8Array) => void readSync(fd, target, { position: offset }),
  };
  const scan = () => {
    const { found, missed } = scanSystem([{ name: "disk", reader }], integritySections, {
      budget: milliseconds(600_000),
      only: ["packageFiles"],
    });
    assert.deepEqual(missed, []);
    assert.ok(!found.packageFiles?.some(({ differs }) => differs.includes("contents")));
  };
  const [floor = 0, ours = 0] = measure(hashPlain, scan);
  closeSync(fd);
  const size = (lstatSync(plain).size / MiB).toFixed(0);
  console.log(`md5 of ${size} MiB in one plain file             ${floor.toFixed(0)} ms`);
  console.log(`scan with checksums of ${files} files of packages  ${ours.toFixed(0)} ms`);
  console.log(`ratio ${(ours / floor).toFixed(2)}, limit ${LIMIT}`);
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
