/** `npm start`: makes the machine ready, then brings up the lab and shows what runs inside its guests. */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { root, SetupError, setUp } from "./setup.mjs";
import { confirm } from "./terminal.mjs";

try {
  await setUp();
  process.exitCode = await runCasemate(["up", "--lab", ...process.argv.slice(2)]);
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  process.stderr.write(`casemate: ${error.message}\n`);
  process.exitCode = 1;
}

/**
 * @param {string[]} args
 * @returns {Promise<number>} its exit code
 */
async function runCasemate(args) {
  let command = [join(root, "casemate"), ...args];
  if (process.getuid?.() !== 0) {
    command = ["sudo", "--", ...command];
    const words = command.join(" ");
    if (!(await confirm(`The lab runs virtual machines and needs root. Run \`${words}\`?`))) {
      throw new SetupError(
        `Cannot start the lab: it needs root.\n  next: Run \`${words}\`, or \`npm start\` as root.`,
      );
    }
  }
  const [program = "", ...rest] = command;
  const child = spawn(program, rest, { stdio: "inherit" });
  // The terminal sends Ctrl-C to the child as well: it decides when to end, and this waits for it.
  process.on("SIGINT", () => {});
  process.on("SIGTERM", () => child.kill("SIGTERM"));
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve(code ?? 1));
  });
}
