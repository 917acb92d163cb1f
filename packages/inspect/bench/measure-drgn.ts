import { spawnSync } from "node:child_process";
import { existsSync, renameSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Kernel } from "../src/index.ts";
import { patterns } from "./translated-reads.ts";
import { writeElfCore } from "./write-elf-core.ts";

/** Debian's own Python, for which `python3-drgn` is. */
const PYTHON = "/usr/bin/python3";

/** drgn's reads of the same words in the same order as `patterns`; `undefined` where drgn is not installed. */
export function measureDrgn(kernel: Kernel, dump: string): readonly number[] | undefined {
  if (spawnSync(PYTHON, ["-c", "import drgn"]).status !== 0) return undefined;
  const core = `${dump}.elf`;
  if (!existsSync(core)) {
    writeElfCore(kernel, dump, `${core}.partial`);
    renameSync(`${core}.partial`, core);
  }
  const script = fileURLToPath(new URL("drgn-reads.py", import.meta.url));
  const base = kernel.facts.directMapBase.toString(16);
  const wanted = patterns.flatMap(({ bytes, random }) => [String(bytes), String(random)]);
  const run = spawnSync(PYTHON, [script, core, base, ...wanted], { encoding: "utf8" });
  if (run.status !== 0) throw new Error(`drgn failed: ${run.stderr}`);
  return run.stdout.trim().split("\n").map(Number);
}
