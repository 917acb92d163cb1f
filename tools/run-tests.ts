/**
 * Runs the tests and ends with `N passed, N failed, N skipped` on a line of its own.
 *
 * `--fast` leaves out what takes long: tests that boot guests (`*.guest.test.ts`), and those that try many
 * cases or start many processes (`*.slow.test.ts`). `--explore` tries properties with other values each time.
 * `--verbose` shows what tests print. Words choose files by part of their path.
 * Whatever cannot run on this machine is listed with its reason.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { glob } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import type { TestReport } from "./test-report.ts";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const testFiles = fileURLToPath(new URL("test-files.ts", import.meta.url));
const OPTIONS: readonly string[] = ["--fast", "--explore", "--verbose"];
const words = process.argv.slice(2);
const fast = words.includes("--fast");
const explore = words.includes("--explore");
const chosen = words.filter((word) => !word.startsWith("--"));
const unknown = words.filter((word) => word.startsWith("--") && !OPTIONS.includes(word));
if (unknown.length > 0) {
  console.error(
    `Cannot take ${unknown.join(" ")}: expected ${OPTIONS.join(", ")} and words of files' paths.`,
  );
  process.exit(64);
}

// Without this every process strips and compiles the same sources anew.
process.env.NODE_COMPILE_CACHE ??= join(root, "node_modules/.cache/compiled");

/** A test that hangs is a failure too: none takes longer on two cores without KVM. */
const limitsMs = { quick: 3 * 60_000, slow: 10 * 60_000, guest: 30 * 60_000 } as const;
type Kind = keyof typeof limitsMs;

/** Of the values that properties are tried with: what fails is what a change did, and fails again. */
const SEED = 20_260_101;

/** What one process runs. */
interface Job {
  readonly files: readonly string[];
  readonly kind: Kind;
}

/** Loading what they have in common takes most quick files longer than their tests. */
const FILES_AT_ONCE = 40;
/** Their files have a process each: libvirt's test driver has one host in each process. */
const ownProcesses = ["packages/host", "packages/agent", "packages/control"];

/** Builds the lab's image and keeps it, for the guests of all others. */
const imageTest = "packages/lab/src/image/ensure-image.guest.test.ts";

/**
 * What takes longest, the longest first: begun late, it would run alone at the end. Hostile memory is made from
 * guests of the first. Busy guests come when few others run: a look that has to share its processor takes longer,
 * and the longer it takes the more often a busy guest changes under it.
 */
const longest = [
  "packages/inspect/test/views.guest.test.ts",
  "packages/inspect/test/detect/detect.guest.test.ts",
  "packages/control/test/faults.guest.test.ts",
  "packages/cli/src/up.guest.test.ts",
  "packages/inspect/test/hostile.guest.test.ts",
  "packages/inspect/test/detect/detect-load.guest.test.ts",
];

const passed: string[] = [];
const failed: string[] = [];
const skipped: string[] = [];
/** How long each job took beside the others. */
const seconds = new Map<string, number>();

const files = (await Array.fromAsync(glob("{packages,tools}/**/*.test.ts", { cwd: root })))
  .filter((file) => !file.includes("node_modules"))
  .filter((file) => chosen.length === 0 || chosen.some((word) => file.includes(word)))
  .filter((file) => !fast || kindOf(file) === "quick")
  .sort();
const jobs = [...makeJobs(files)].sort((a, b) => order(a) - order(b));
// One more than there are cores, for guests, and those who ask them, wait now and then.
const atOnce = availableParallelism() + (fast ? 0 : 1);
await Promise.all(Array.from({ length: atOnce }, runNext));

const slowest = [...seconds].sort(([, a], [, b]) => b - a).slice(0, 12);
if (!fast && seconds.size > slowest.length) {
  console.log("\nWhat took longest:");
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
 * When a job has its turn: the image is fetched and built while the quick ones run; the longest come next,
 * and short ones last, so that all cores are busy to the end.
 */
function order({ files: [file = ""], kind }: Job): number {
  if (file === imageTest) return 0;
  const rank = longest.indexOf(file);
  if (rank >= 0) return 2 + rank;
  return { quick: 1, slow: 2 + longest.length, guest: 3 + longest.length }[kind];
}

/** Quick files of one room share processes, where they can. */
function* makeJobs(files: readonly string[]): Generator<Job> {
  const quick = new Map<string, string[]>();
  for (const file of files) {
    const kind = kindOf(file);
    const room = file.split("/").slice(0, 2).join("/");
    if (kind !== "quick" || ownProcesses.includes(room)) {
      yield { files: [file], kind };
      continue;
    }
    const group = quick.get(room) ?? [];
    group.push(file);
    quick.set(room, group);
  }
  for (const group of quick.values()) {
    for (let at = 0; at < group.length; at += FILES_AT_ONCE) {
      yield { files: group.slice(at, at + FILES_AT_ONCE), kind: "quick" };
    }
  }
}

/** Runs one job after the other until none is left. */
async function runNext(): Promise<void> {
  for (let job = jobs.shift(); job !== undefined; job = jobs.shift()) await runJob(job);
}

/** Runs a job's files in one process. */
async function runJob({ files, kind }: Job): Promise<void> {
  const started = performance.now();
  const limit = limitsMs[kind];
  const seed = explore ? [] : [`--seed=${SEED}`];
  const child = fork(testFiles, [`--timeout=${limit}`, ...seed, ...files], {
    ...{ cwd: root, stdio: ["ignore", "pipe", "pipe", "ipc"], serialization: "advanced" },
  });
  const told: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (text: string) => {
      if (words.includes("--verbose")) process.stdout.write(text);
      else if (stream === child.stderr) told.push(text);
    });
  }
  // What hangs outside of any test.
  const overdue = setTimeout(() => child.kill("SIGKILL"), 2 * limit);
  child.on("message", (report) => note(report as TestReport)); // what test-files.ts sends
  const [code, signal] = await once(child, "close");
  clearTimeout(overdue);
  if (code !== 0) {
    const label = `${files.join(", ")}: ended by ${signal ?? code}`;
    failed.push(label);
    console.log(`FAILED ${label}\n${told.join("").split("\n").slice(-60).join("\n")}`);
  }
  seconds.set(describeJob(files), (performance.now() - started) / 1000);
}

function describeJob([first = "", ...more]: readonly string[]): string {
  return more.length === 0 ? first : `${first} and ${more.length} more`;
}

function note({ file, name, nesting, milliseconds, skipped: reason, error }: TestReport): void {
  const label = `${relative(root, file)}: ${name}`;
  if (reason !== undefined) {
    skipped.push(`${label} — ${reason || "no reason given"}`);
    return;
  }
  const indent = "  ".repeat(nesting);
  if (error !== undefined) {
    failed.push(label);
    console.log(`${indent}FAILED ${label}\n${error}`);
    return;
  }
  passed.push(label);
  const took = milliseconds > 1000 ? ` (${Math.round(milliseconds)} ms)` : "";
  console.log(`${indent}ok ${label}${took}`);
}
