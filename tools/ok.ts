/** `npm run ok`: what to run before every commit; types, lint, import ranks, dead code and the fast tests. */
import { spawnSync } from "node:child_process";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const run = spawnSync(
  process.execPath,
  ["tools/run-tests.ts", "--fast", ...process.argv.slice(2)],
  {
    cwd: root,
    stdio: "inherit",
  },
);
process.exitCode = run.status ?? 1;
