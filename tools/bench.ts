/**
 * `npm run bench`: speed, side by side with a peer or a physical limit, as a ratio.
 *
 * Each `packages/*\/bench/*.bench.ts` is a program that prints its own table; words choose files by part of
 * their path.
 */
import { spawnSync } from "node:child_process";
import { glob } from "node:fs/promises";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { inspectorFlags } from "../packages/agent/src/inspector-flags.ts";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const chosen = process.argv.slice(2);
const files = (await Array.fromAsync(glob("packages/*/bench/*.bench.ts", { cwd: root })))
  .filter((file) => chosen.length === 0 || chosen.some((word) => file.includes(word)))
  .sort();
/** The room that an inspector has, and a collector that measurements can call. */
const flags = [...inspectorFlags, "--expose-gc"];
let failed = files.length === 0;
if (failed) console.error("Cannot run benchmarks: no file matches, expected at least one.");
for (const file of files) {
  console.log(`\n## ${file}\n`);
  const run = spawnSync(process.execPath, [...flags, file], { cwd: root, stdio: "inherit" });
  if (run.status !== 0) failed = true;
}
process.exitCode = failed ? 1 : 0;
