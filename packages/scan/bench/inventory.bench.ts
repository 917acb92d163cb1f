/**
 * What is on a disk: the lab's Debian 12, a qcow2 image of 2 GiB. Whole commands as somebody types them, and the
 * same in a process that runs already, beside the floor: debugfs's reading of one file, and reading all of the
 * image's own bytes from the page cache.
 *
 * What overlays and clones of it cost is in `reuse.bench.ts`, checksums in `integrity.bench.ts`, advisories in
 * `match.bench.ts`: `npm run bench scan` runs them all.
 */
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  closeSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { MiB, milliseconds } from "@casemate/core";
import { type BlockReader, openImageChain } from "@casemate/formats/disk";
import { ensureImage, labCacheDir } from "@casemate/lab";
import { inventory, type SectionName } from "../src/inventory.ts";
import { scanSystem } from "../src/scan.ts";

const RUNS = 9;
const casemate = resolve(import.meta.dirname, "../../../casemate");
const budget = milliseconds(600_000);

/** Measured beforehand on a 2 GiB qcow2 of the same system with 306 packages and 22,172 files. */
const peers = [
  ["virt-inspector, measured beforehand", "26 s, 677 MiB"],
  ["guestfish: dpkg's status file alone, beforehand", "16 to 18 s"],
] as const;

interface Measured {
  readonly best: number;
  readonly median: number;
  /** Resident at most, in bytes, of a command. */
  readonly memory?: number;
}

/** Time in milliseconds of some runs. */
async function measure(work: () => unknown, runs = RUNS): Promise<Measured> {
  const times: number[] = [];
  for (let i = 0; i < runs; i += 1) {
    const started = performance.now();
    await work();
    times.push(performance.now() - started);
  }
  times.sort((a, b) => a - b);
  return { best: times[0] ?? 0, median: times[runs >> 1] ?? 0 };
}

async function measureCommand(file: string, args: readonly string[]): Promise<Measured> {
  let memory = 0;
  const measured = await measure(async () => {
    const child = spawn(file, args, { stdio: "ignore" });
    const watch = setInterval(() => {
      memory = Math.max(memory, readPeak(child.pid));
    }, 5);
    const [code] = await once(child, "exit");
    clearInterval(watch);
    assert.ok(code === 0 || code === 2, `${file} ${args.join(" ")} ended with ${code}`);
  });
  return { ...measured, memory };
}

/** The most that was resident at a time (proc_pid_status(5), VmHWM), in bytes. */
function readPeak(pid: number | undefined): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    return Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024;
  } catch {
    return 0; // it has just ended
  }
}

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

/** As the agent's scanner does it, in this process. */
function scan(disk: string, only?: readonly SectionName[]) {
  using file = openFile(disk);
  const reader = openImageChain([{ file, format: "qcow2" }]);
  const found = scanSystem([{ name: "disk", reader }], inventory, { budget, only });
  assert.deepEqual(found.missed, []);
  return found;
}

function readAll(path: string): void {
  const fd = openSync(path, "r");
  const chunk = Buffer.alloc(MiB);
  while (readSync(fd, chunk) > 0);
  closeSync(fd);
}

const scratch = mkdtempSync(join(tmpdir(), "casemate-bench-"));
try {
  const { disk } = await ensureImage({ cacheDir: labCacheDir });
  const raw = join(scratch, "raw");
  execFileSync("qemu-img", ["convert", "-O", "raw", disk, raw]);
  const command = (...args: readonly string[]) =>
    measureCommand(casemate, ["scan", "--disk", disk, "--json", ...args]);
  const debugfs = ["-R", "cat /var/lib/dpkg/status", raw];
  const rows: readonly (readonly [what: string, measured: Measured, limit: string])[] = [
    ["packages, whole command", await command("--only", "packages"), "300 ms, 120 MiB"],
    ["  of it `node -e 0`", await measureCommand(process.execPath, ["-e", "0"]), ""],
    ["packages, in the agent", await measure(() => scan(disk, ["packages"])), "80 ms"],
    ["all usual sections with secrets, whole command", await command(), "3,000 ms"],
    ["all usual sections with secrets, in the agent", await measure(() => scan(disk)), ""],
    ["debugfs: dpkg's status file alone", await measureCommand("debugfs", debugfs), ""],
    ["read() of the image's own bytes", await measure(() => readAll(disk)), ""],
  ];
  const { found, coverage } = scan(disk, ["packages"]);
  const size = (statSync(disk).blocks * 512) / MiB;
  console.log(
    `${found.packages?.length} packages, ${coverage.files?.total} files, ${size.toFixed(0)} MiB of qcow2\n`,
  );
  const width = Math.max(...rows.map(([what]) => what.length));
  const ms = (time: number) => `${time < 10 ? time.toFixed(1) : time.toFixed(0)} ms`.padStart(10);
  for (const [what, { best, median, memory }, limit] of rows) {
    const most = memory === undefined ? "" : `${(memory / MiB).toFixed(0)} MiB`;
    const line = `${what.padEnd(width)}${ms(best)}${ms(median)}${most.padStart(10)}  ${limit}`;
    console.log(line.trimEnd());
  }
  for (const [what, time] of peers) console.log(`${what.padEnd(width)}  ${time}`);
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
