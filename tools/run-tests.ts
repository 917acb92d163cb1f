/**
 * Runs the tests and ends with `N passed, N failed, N skipped` on a line of its own.
 *
 * `--fast` leaves out what takes long: tests that boot guests (`*.guest.test.ts`), and those that try many
 * cases or start many processes (`*.slow.test.ts`); words after it choose files by part of their path.
 * Whatever cannot run on this machine is listed with its reason.
 */
import { glob } from "node:fs/promises";
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
const quickLimitMs = 3 * 60_000;
const slowLimitMs = 10 * 60_000;
const guestLimitMs = 30 * 60_000;

const all = (await Array.fromAsync(glob("{packages,tools}/**/*.test.ts", { cwd: root })))
  .filter((file) => !file.includes("node_modules"))
  .filter((file) => chosen.length === 0 || chosen.some((word) => file.includes(word)))
  .sort();
const guests = all.filter((file) => file.endsWith(".guest.test.ts"));
const slow = all.filter((file) => file.endsWith(".slow.test.ts"));
const quick = all.filter((file) => !guests.includes(file) && !slow.includes(file));

const passed: string[] = [];
const failed: string[] = [];
const skipped: string[] = [];

await runFiles(quick, 2, quickLimitMs);
if (!fast) {
  await runFiles(slow, 2, slowLimitMs);
  // What the first of them makes and keeps for all (the lab's image), the others find made.
  await runFiles(guests.filter(makesImage), 1, guestLimitMs);
  const rest = guests.filter((file) => !makesImage(file));
  // The longest begin first, or one of them would run alone at the end; three, for each waits now and then.
  await runFiles(
    [...rest.filter(isLong), ...rest.filter((file) => !isLong(file))],
    3,
    guestLimitMs,
  );
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

function makesImage(file: string): boolean {
  return file.startsWith("packages/lab/");
}

function isLong(file: string): boolean {
  return ["faults", "hostile", "views"].some((name) => file.endsWith(`/${name}.guest.test.ts`));
}

async function runFiles(
  files: readonly string[],
  concurrency: number,
  timeout: number,
): Promise<void> {
  if (files.length === 0) return;
  const started = new Map<string, number>();
  const stream = run({ files: [...files], cwd: root, concurrency, timeout });
  for await (const event of stream) {
    if (event.type === "test:stderr" || event.type === "test:stdout") {
      if (words.includes("--verbose")) process.stdout.write(event.data.message);
      continue;
    }
    if (event.type === "test:start" && event.data.nesting === 0) {
      const file = relative(event.data.file);
      if (!started.has(file)) started.set(file, Date.now());
      continue;
    }
    if (event.type !== "test:pass" && event.type !== "test:fail") continue;
    const { name, details, nesting } = event.data;
    if (details.type === "suite") continue;
    const file = relative(event.data.file);
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
}

function relative(file: string | undefined): string {
  return (file ?? "").replace(`${root}/`, "");
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
