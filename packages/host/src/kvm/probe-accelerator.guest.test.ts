import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { BOOT_SECTOR_PASSED, buildBootSector } from "./boot-sector.ts";
import { probeAccelerator } from "./probe-accelerator.ts";

test("buildBootSector: a guest under TCG gets through long mode to its end", async (context) => {
  const directory = await mkdtemp(join(tmpdir(), "casemate-boot-"));
  context.after(() => rm(directory, { recursive: true }));
  const disk = join(directory, "disk");
  const run = (cpu: string) => {
    const args = ["-accel", "tcg", "-cpu", cpu, "-m", "16", "-nodefaults", "-display", "none"];
    const drive = ["-drive", `file=${disk},format=raw,if=ide,snapshot=on`];
    const exit = ["-device", "isa-debug-exit,iobase=0xf4,iosize=4"];
    return new Promise((resolve) => {
      const all = [...args, ...drive, ...exit];
      execFile("qemu-system-x86_64", all, { timeout: 20_000 }, (error) => resolve(error?.code));
    });
  };
  await writeFile(disk, buildBootSector());
  assert.equal(await run("max"), BOOT_SECTOR_PASSED);
  assert.equal(await run("qemu32"), 35, "a processor without long mode is found out");
});

test("probeAccelerator: an answer with its reason, which is kept and asked for once", async (context) => {
  const directory = await mkdtemp(join(tmpdir(), "casemate-accelerator-"));
  context.after(() => rm(directory, { recursive: true }));
  const first = await probeAccelerator(directory);
  assert.match(first.reason, /^[a/t].*[^.]$/);
  if (/is not there|may not open/.test(first.reason)) return;
  const file = join(directory, "accelerator.json");
  const kept = JSON.parse(await readFile(file, "utf8"));
  assert.equal(kept.kind, first.kind);
  await writeFile(file, JSON.stringify({ ...kept, reason: "it was kept" }));
  assert.equal((await probeAccelerator(directory)).reason, "it was kept");
  await writeFile(file, "{ damaged");
  const abort = AbortSignal.abort(new Error("enough"));
  await assert.rejects(probeAccelerator(directory, abort), /enough/);
});
