/**
 * Runs the tests and ends with `N passed, N failed, N skipped` on a line of its own.
 *
 * `--fast` leaves out what takes long: tests that boot guests (`*.guest.test.ts`), and those that try many
 * cases or start many processes (`*.slow.test.ts`); words after it choose files by part of their path.
 * Whatever cannot run on this machine is listed with its reason.
 */
import { glob } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";
import { run } from "node:test";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const words = process.argv.slice(2);
const fast = words.includes("--fast");
const chosen = words.filter((word) => !word.startsWith("--"));

// Every test file is a process of its own; without this each of them strips and compiles the same sources anew.
process.env.NODE_COMPILE_CACHE ??= join(root, "node_modules/.cache/compiled");

/** A test file that hangs is a failure too: nothing here takes longer on two cores without KVM. */
const limitsMs = { quick: 3 * 60_000, slow: 10 * 60_000, guest: 30 * 60_000 } as const;
type Kind = keyof typeof limitsMs;

/** Builds the lab's image and keeps it, for the guests of all others. */
const imageTest = "packages/lab/src/image/ensure-image.guest.test.ts";

/**
 * What takes longest, the longest first: begun late, it would run alone at the end. Hostile memory is made from
 * guests of the first, so it is the last of them.
 */
const longest = [
  "packages/inspect/test/views.guest.test.ts",
  "packages/inspect/test/detect/detect.guest.test.ts",
  "packages/inspect/test/detect/detect-load.guest.test.ts",
  "packages/control/test/faults.guest.test.ts",
  "packages/cli/src/up.guest.test.ts",
  "packages/inspect/test/hostile.guest.test.ts",
];

const passed: string[] = [];
const failed: string[] = [];
const skipped: string[] = [];
/** How long each file took beside the others. */
const seconds = new Map<string, number>();

const files = (await Array.fromAsync(glob("{packages,tools}/**/*.test.ts", { cwd: root })))
  .filter((file) => !file.includes("node_modules"))
  .filter((file) => chosen.length === 0 || chosen.some((word) => file.includes(word)))
  .filter((file) => !fast || kindOf(file) === "quick")
  .sort((a, b) => order(a) - order(b) || (a < b ? -1 : 1));
// One more than there are cores, for guests, and those who ask them, wait now and then.
const atOnce = availableParallelism() + (fast ? 0 : 1);
await Promise.all(Array.from({ length: atOnce }, runNext));

const slowest = [...seconds].sort(([, a], [, b]) => b - a).slice(0, 12);
if (!fast && seconds.size > slowest.length) {
  console.log("\nThe longest files:");
  for (const [file, took] of slowest) console.log(`  ${took.toFixed(0).padStart(4)} s  ${file}`);
}
if (skipped.length > 0) {
  console.log("\nNot run on this machine:");
  for (const line of skipped) console.log(`  ${line}`);
}
if (failed.length > 0) {
  console.log("\nFailed:");
  for (const line of failed) console.log(`  ${line}`);
}
if (passed.length + failed.length === 0) {
  console.log("Cannot run tests: no file matches, expected at least one.");
  process.exitCode = 1;
}
console.log(`\n${passed.length} passed, ${failed.length} failed, ${skipped.length} skipped`);
if (failed.length > 0) process.exitCode = 1;

function kindOf(file: string): Kind {
  if (file.endsWith(".guest.test.ts")) return "guest";
  return file.endsWith(".slow.test.ts") ? "slow" : "quick";
}

/**
 * When a file has its turn: the image is fetched and built while the quick ones run; the longest come next,
 * and short ones last, so that all cores are busy to the end.
 */
function order(file: string): number {
  if (file === imageTest) return 0;
  const rank = longest.indexOf(file);
  if (rank >= 0) return 2 + rank;
  return { quick: 1, slow: 2 + longest.length, guest: 3 + longest.length }[kindOf(file)];
}

/** Runs one file after the other until none is left. */
async function runNext(): Promise<void> {
  for (let file = files.shift(); file !== undefined; file = files.shift()) await runFile(file);
}

async function runFile(file: string): Promise<void> {
  const started = performance.now();
  const stream = run({ files: [file], cwd: root, timeout: limitsMs[kindOf(file)] });
  for await (const event of stream) {
    if (event.type === "test:stderr" || event.type === "test:stdout") {
      if (words.includes("--verbose")) process.stdout.write(event.data.message);
      continue;
    }
    if (event.type !== "test:pass" && event.type !== "test:fail") continue;
    const { name, details, nesting } = event.data;
    if (details.type === "suite") continue;
    const label = `${file}: ${name}`;
    if (event.data.skip !== undefined || event.data.todo !== undefined) {
      const reason = event.data.skip ?? event.data.todo;
      skipped.push(`${label} — ${typeof reason === "string" ? reason : "no reason given"}`);
      continue;
    }
    if (event.type === "test:pass") {
      passed.push(label);
      const took = Math.round(details.duration_ms);
      console.log(`${"  ".repeat(nesting)}ok ${label}${took > 1000 ? ` (${took} ms)` : ""}`);
      continue;
    }
    failed.push(label);
    console.log(`${"  ".repeat(nesting)}FAILED ${label}\n${describe(details.error)}`);
  }
  seconds.set(file, (performance.now() - started) / 1000);
}

function describe(error: Error & { cause?: unknown }): string {
  const cause =
    error.cause instanceof Error ? (error.cause.stack ?? error.cause.message) : error.cause;
  return String(cause ?? error.stack ?? error.message)
    .split("\n")
    .slice(0, 60)
    .map((line) => `    ${line}`)
    .join("\n");
}
