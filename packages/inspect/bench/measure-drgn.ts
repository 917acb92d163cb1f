import { spawnSync } from "node:child_process";
import { existsSync, renameSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Kernel } from "../src/index.ts";
import type { Order, Region } from "./translated-reads.ts";
import { writeElfCore } from "./write-elf-core.ts";

/** Debian's own Python, for which `python3-drgn` is. */
const PYTHON = "/usr/bin/python3";

/**
 * Millions of 8-byte reads a second that drgn does in the same region; `undefined` where it is not
 * installed. It is given what it asks for besides RAM: where the direct map and the kernel image are.
 */
export function measureDrgn(
  kernel: Kernel,
  dump: string,
  region: Region,
): ((order: Order) => number) | undefined {
  if (spawnSync(PYTHON, ["-c", "import drgn"]).status !== 0) return undefined;
  const core = `${dump}.elf`;
  if (!existsSync(core)) {
    writeElfCore(kernel, dump, `${core}.partial`);
    renameSync(`${core}.partial`, core);
  }
  const script = fileURLToPath(new URL("drgn-reads.py", import.meta.url));
  return (order) => {
    const args = [script, core, region.directMap.toString(16), order];
    const run = spawnSync(PYTHON, args, { encoding: "utf8" });
    if (run.status !== 0) throw new Error(`drgn failed: ${run.stderr}`);
    return Number(run.stdout);
  };
}
