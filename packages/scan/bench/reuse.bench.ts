/**
 * What an overlay of a scanned image costs: of the lab's Debian 12, 2 GiB qcow2, with 20 MiB of changes, and
 * 1,000 clones without any; beside a whole scan of the same.
 *
 * The changes are made by debugfs: a file of 20 MiB below /var/lib, as a database has it, a log that grew and
 * a file of /etc; what of the metadata changes with it is the tool's. Each scan is of an overlay that was not
 * scanned before; opening its files and reading what is kept is part of it.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  closeSync,
  copyFileSync,
  mkdtempSync,
  openSync,
  readSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MiB, milliseconds } from "@casemate/core";
import { type BlockReader, openImageChain } from "@casemate/formats/disk";
import { ensureImage, labCacheDir } from "@casemate/lab";
import { inventory, type SectionName } from "../src/inventory.ts";
import { ReuseDirectory } from "../src/reuse/reuse-directory.ts";
import { listReuseKeys } from "../src/reuse/reuse-keys.ts";
import { scanReusing } from "../src/reuse/scan-reusing.ts";
import { scanSystem } from "../src/scan.ts";

const CLONES = 1000;
const RUNS = 9;
const CLUSTER = 65_536;
const budget = milliseconds(600_000);
const scanner = "bench";
const packages: readonly SectionName[] = ["packages"];

const directory = mkdtempSync(join(tmpdir(), "casemate-bench-"));
const at = (name: string) => join(directory, name);

/** An image's file, read as it is. */
function openFile(path: string): BlockReader & Disposable {
  const fd = openSync(path, "r");
  return {
    size: Number.MAX_SAFE_INTEGER,
    read(offset, target) {
      target.fill(0, readSync(fd, target, 0, target.length, offset));
    },
    [Symbol.dispose]: () => closeSync(fd),
  };
}

interface Images {
  readonly base: string;
  readonly top: string;
}

/** Scans an overlay as `casemate scan` does in a process that runs already. */
function scan({ base, top }: Images, name: string, only?: readonly SectionName[]) {
  using opened = new DisposableStack();
  const [lower, upper] = [opened.use(openFile(base)), opened.use(openFile(top))];
  const below = openImageChain([{ file: lower, format: "qcow2" }]);
  const disk = openImageChain([
    { file: upper, format: "qcow2" },
    { file: lower, format: "qcow2" },
  ]);
  const layers = [
    { reader: disk, identity: name },
    { reader: below, identity: "base" },
  ] as const;
  const disks = [{ name: "disk", layers }];
  const keys = listReuseKeys(disks, inventory, { scanner, only });
  const store = opened.use(new ReuseDirectory(directory, keys));
  return scanReusing(disks, inventory, { budget, scanner, only, store });
}

function scanWhole({ base, top }: Images, only?: readonly SectionName[]) {
  using opened = new DisposableStack();
  const reader = openImageChain([
    { file: opened.use(openFile(top)), format: "qcow2" },
    { file: opened.use(openFile(base)), format: "qcow2" },
  ]);
  return scanSystem([{ name: "disk", reader }], inventory, { budget, only });
}

/** An overlay with the clusters in which two raw disks differ. */
function makeOverlay(base: string, top: string, [before, after]: readonly [string, string]): void {
  run("qemu-img", "create", "-q", "-f", "qcow2", "-b", base, "-F", "qcow2", top);
  using one = openFile(before);
  using other = openFile(after);
  const [old, fresh] = [Buffer.alloc(MiB), Buffer.alloc(MiB)];
  const commands: string[] = [];
  for (let place = 0; place < 2048 * MiB; place += MiB) {
    one.read(place, old);
    other.read(place, fresh);
    if (old.equals(fresh)) continue;
    for (let from = 0; from < MiB; from += CLUSTER) {
      const part = fresh.subarray(from, from + CLUSTER);
      if (part.equals(old.subarray(from, from + CLUSTER))) continue;
      const file = at(`part-${place + from}`);
      writeFileSync(file, part);
      commands.push("-c", `write -q -s ${file} ${place + from} ${CLUSTER}`);
    }
  }
  run("qemu-io", "-f", "qcow2", ...commands, top);
}

function run(tool: string, ...args: readonly string[]): void {
  execFileSync(tool, args, { stdio: ["ignore", "ignore", "pipe"] });
}

/** The fastest and the median of some runs, in milliseconds. */
function measure(
  work: (index: number) => void,
  runs = RUNS,
): readonly [best: number, median: number] {
  const times: number[] = [];
  for (let i = 0; i < runs; i += 1) {
    const started = performance.now();
    work(i);
    times.push(performance.now() - started);
  }
  times.sort((a, b) => a - b);
  return [times[0] ?? 0, times[runs >> 1] ?? 0];
}

try {
  const { disk: base } = await ensureImage({ cacheDir: labCacheDir });
  const [raw, edited] = [at("raw"), at("edited")];
  run("qemu-img", "convert", "-O", "raw", base, raw);
  copyFileSync(raw, edited);
  writeFileSync(at("database"), randomBytes(20 * MiB));
  writeFileSync(at("log"), "a line of a log\n".repeat(1000));
  writeFileSync(
    at("commands"),
    [
      `write ${at("database")} /var/lib/database`,
      "rm /var/log/dpkg.log",
      `write ${at("log")} /var/log/dpkg.log`,
      `write ${at("log")} /etc/made.conf`,
    ].join("\n"),
  );
  run("debugfs", "-w", "-f", at("commands"), edited);
  const changed = { base, top: at("changed.qcow2") };
  const empty = { base, top: at("empty.qcow2") };
  makeOverlay(base, changed.top, [raw, edited]);
  run("qemu-img", "create", "-q", "-f", "qcow2", "-b", base, "-F", "qcow2", empty.top);

  const rows: [what: string, best: number, median: number, limit: string][] = [];
  for (const [what, only] of [
    ["packages", packages],
    ["all usual sections", undefined],
  ] as const) {
    rows.push([`whole scan, ${what}`, ...measure(() => scanWhole(changed, only), 3), ""]);
    rows.push([
      `  its base and it, first time`,
      ...measure(() => scan(changed, "first", only), 1),
      "",
    ]);
    rows.push([
      `  an overlay with 20 MiB of changes`,
      ...measure((i) => scan(changed, `changed-${i}`, only)),
      "50 ms",
    ]);
    const reused = JSON.stringify(scan(changed, "checked", only));
    assert.equal(reused, JSON.stringify(scanWhole(changed, only)));
    const clones = measure(() => {
      for (let i = 0; i < CLONES; i += 1) scan(empty, `clone-${i}`, only);
    }, 1);
    rows.push([`  ${CLONES} clones of one template`, ...clones, "20 s"]);
  }
  const width = Math.max(...rows.map(([what]) => what.length));
  for (const [what, best, median, limit] of rows) {
    const times = [best, median].map((time) => `${time.toFixed(0)} ms`.padStart(10)).join("");
    console.log(`${what.padEnd(width)}${times}  ${limit}`.trimEnd());
  }
} finally {
  rmSync(directory, { recursive: true, force: true });
}
