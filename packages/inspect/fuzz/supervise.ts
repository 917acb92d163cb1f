import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import type { FuzzFailure, FuzzReport } from "./fuzz-report.ts";

export interface FuzzOptions {
  /** Path of the fuzz target. */
  readonly program: string;
  /** Path of the dump that it changes; targets that build their input have none. */
  readonly dump?: string | undefined;
  readonly seed: number;
  readonly count: number;
}

const MIB = 1024 * 1024;
/** What looks may take in memory: more ends the process. */
const MAX_MEMORY = 256 * MIB;
/** The part of it that V8's heap may have, which it collects only when it must. */
const MAX_HEAP = 192 * MIB;
/** Each half of the part for new objects, of which V8 has three: the rest of a look's memory is theirs. */
const MAX_SEMI_SPACE = 8 * MIB;
/** A mutant that takes longer hangs. */
const HANG_MS = 30_000;
const SAMPLE_MS = 20;
/** With so many failures a run has said enough. */
const MAX_FAILURES = 20;

/**
 * Runs `count` mutants of a fuzz target, from `seed` on, in a process of its own: one that crashes, hangs or
 * takes too much memory is a failure of its seed, and the run goes on with the next.
 */
export async function superviseFuzz(options: FuzzOptions): Promise<FuzzReport> {
  const failures: FuzzFailure[] = [];
  const outcomes: Record<string, number> = {};
  let worst = { milliseconds: 0, seed: options.seed };
  let peak = { bytes: 0, seed: options.seed };
  let mutants = 0;
  const started = performance.now();
  const end = options.seed + options.count;
  for (let next = options.seed; next < end && failures.length < MAX_FAILURES; ) {
    const run = await runWorker({ ...options, seed: next, count: end - next }, (said) => {
      if (said.kind === "failed") failures.push({ seed: said.seed, message: said.text });
      else outcomes[said.text] = (outcomes[said.text] ?? 0) + 1;
      if (said.milliseconds > worst.milliseconds) worst = said;
      mutants += 1;
      next = said.seed + 1;
    });
    if (run.peak.bytes > peak.bytes) peak = run.peak;
    if (run.fault === undefined) continue;
    failures.push({ seed: run.seed, message: run.fault });
    mutants += 1;
    next = run.seed + 1;
  }
  const seconds = (performance.now() - started) / 1000;
  return { mutants, failures, outcomes, seconds, worst, peak };
}

interface Said {
  readonly kind: "ended" | "failed";
  readonly seed: number;
  readonly milliseconds: number;
  readonly text: string;
}

interface WorkerRun {
  readonly peak: FuzzReport["peak"];
  /** How the process was lost, and with which seed; `undefined` if it did all it had to. */
  readonly fault: string | undefined;
  readonly seed: number;
}

async function runWorker(
  { program, dump, seed, count }: FuzzOptions,
  hear: (said: Said) => void,
): Promise<WorkerRun> {
  const dumpArguments = dump === undefined ? [] : ["--dump", dump];
  const child = spawn(
    process.execPath,
    [
      `--max-old-space-size=${MAX_HEAP / MIB}`,
      `--max-semi-space-size=${MAX_SEMI_SPACE / MIB}`,
      program,
      "--worker",
      ...["--seed", String(seed), "--count", String(count)],
      ...dumpArguments,
    ],
    { stdio: ["ignore", "pipe", "pipe"] },
  );
  let complaints = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    complaints = (complaints + text).slice(-4096);
  });
  const exited = new Promise<string>((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("close", (code, signal) => resolve(code === 0 ? "" : `${signal ?? code}`));
  });
  let current = seed;
  let fault: string | undefined;
  let baseline: number | undefined;
  let peak = { bytes: 0, seed };
  const lose = (why: string) => {
    fault ??= why;
    child.kill("SIGKILL");
  };
  const hang = setTimeout(() => lose(`it hung for ${HANG_MS} ms`), 2 * HANG_MS);
  const sample = setInterval(() => {
    if (baseline === undefined) return;
    const bytes = anonymousBytes(child.pid) - baseline;
    if (bytes > peak.bytes) peak = { bytes, seed: current };
    if (bytes > MAX_MEMORY) lose(`it took ${Math.round(bytes / MIB)} MiB`);
  }, SAMPLE_MS);
  try {
    for await (const line of createInterface({ input: child.stdout })) {
      hang.refresh();
      const [kind = "", number = "", milliseconds = "", ...words] = line.split(" ");
      if (kind === "ready") baseline = anonymousBytes(child.pid);
      else if (kind === "starts") current = Number(number);
      else if (kind === "ended" || kind === "failed") {
        const text = JSON.parse(words.join(" ")) as string; // our own program wrote it
        hear({ kind, seed: Number(number), milliseconds: Number(milliseconds), text });
      }
    }
    const status = await exited;
    if (status !== "") fault ??= `the process ended (${status}): ${complaints}`;
  } finally {
    clearTimeout(hang);
    clearInterval(sample);
    child.kill("SIGKILL");
  }
  return { peak, fault, seed: current };
}

/** RssAnon (proc_pid_status(5)); 0 once the process has ended. */
function anonymousBytes(pid: number | undefined): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    return Number(/^RssAnon:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}
