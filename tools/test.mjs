/** `npm test`: makes the machine ready, then runs every test there is. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { node24, root, SetupError, setUp } from "./setup.mjs";

try {
  await setUp({ tests: true });
  const run = spawnSync(node24, [join(root, "tools/run-tests.ts"), ...process.argv.slice(2)], {
    cwd: root,
    stdio: "inherit",
  });
  process.exitCode = run.status ?? 1;
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  process.stderr.write(`casemate: ${error.message}\n`);
  process.exitCode = 1;
}
