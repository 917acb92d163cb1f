import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, before, test } from "node:test";
import { ensureImage, labCacheDir } from "@casemate/lab";

const casemate = resolve(import.meta.dirname, "../../../../casemate");
const scratch = mkdtempSync(join(tmpdir(), "casemate-scan-"));
const disk = join(scratch, "disk.qcow2");

before(async () => {
  const { disk: base } = await ensureImage({ cacheDir: labCacheDir });
  copyFileSync(base, disk);
  execFileSync("qemu-img", ["snapshot", "-c", "old", disk]);
});
after(() => rmSync(scratch, { recursive: true }));

const scan = (...args: readonly string[]) =>
  spawnSync(casemate, ["scan", "--disk", disk, ...args], { encoding: "utf8" });

test("casemate scan --diff: a disk and its snapshot are the same; what is no system is not compared", () => {
  const same = scan("--diff", `${disk}#old`);
  assert.equal(same.stderr, "");
  assert.equal(same.status, 0);
  assert.match(same.stdout, /: 0 differences$/m);
  assert.equal(scan("--diff", `${disk}#none`).status, 1);
  assert.equal(scan("--diff", casemate).status, 3);
});

test("casemate scan --baseline: what was saved; nothing is written over", () => {
  const file = join(scratch, "baseline.json");
  assert.equal(scan("--save-baseline", file, "--paths", "/etc", "/usr/bin/*").status, 0);
  const same = scan("--baseline", file);
  assert.equal(same.stderr, "");
  assert.equal(same.status, 0);
  assert.equal(scan("--save-baseline", file, "--paths", "/etc").status, 64);
  assert.equal(scan("--baseline", casemate).status, 1);
  assert.equal(scan("--paths", "/etc").status, 64);
});
