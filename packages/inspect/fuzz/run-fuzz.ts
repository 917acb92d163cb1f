import { writeSync } from "node:fs";
import { parseArgs } from "node:util";
import type { FuzzReport } from "./fuzz-report.ts";
import { superviseFuzz } from "./supervise.ts";

/** Makes the mutant of a seed, tries it, and says how it ended. Throws if it broke something. */
export type TryMutant = (seed: number) => string;

const STDOUT = 1;
const MIB = 1024 * 1024;

/**
 * The command line of a fuzz target: `[--dump FILE] [--seed N] [--count N]`. The mutants run in a process of
 * their own, which is this program again; exits with 1 if one of them broke something.
 */
export async function runFuzz(
  prepare: (dump: string | undefined) => Promise<TryMutant>,
): Promise<void> {
  const { values } = parseArgs({
    options: {
      dump: { type: "string" },
      seed: { type: "string", default: "1" },
      count: { type: "string", default: "1000" },
      worker: { type: "boolean", default: false },
    },
  });
  const { dump } = values;
  const seed = Number(values.seed);
  const count = Number(values.count);
  if (values.worker) {
    runMutants(await prepare(dump), seed, count);
    return;
  }
  const program = process.argv[1] ?? "";
  const report = await superviseFuzz({ program, dump, seed, count });
  console.log(formatReport(report));
  if (report.failures.length > 0) process.exitCode = 1;
}

/** Tells the supervisor of each mutant before and after it, at once: a process that crashes says no more. */
function runMutants(tryMutant: TryMutant, seed: number, count: number): void {
  writeSync(STDOUT, "ready\n");
  for (let current = seed; current < seed + count; current += 1) {
    writeSync(STDOUT, `starts ${current}\n`);
    const started = performance.now();
    let kind = "ended";
    let text: string;
    try {
      text = tryMutant(current);
    } catch (thrown) {
      kind = "failed";
      text = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
    }
    const took = (performance.now() - started).toFixed(1);
    writeSync(STDOUT, `${kind} ${current} ${took} ${JSON.stringify(text)}\n`);
  }
}

/** The report for people. */
export function formatReport(report: FuzzReport): string {
  const { mutants, failures, outcomes, seconds, worst, peak } = report;
  const lines = Object.entries(outcomes)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([outcome, times]) => `  ${String(times).padStart(6)} ${outcome}`);
  return [
    ...lines,
    ...failures.map(({ seed, message }) => `FAILED --seed ${seed} --count 1: ${message}`),
    `${mutants} mutants in ${seconds.toFixed(1)} s (${(mutants / seconds).toFixed(0)}/s), ` +
      `worst ${worst.milliseconds.toFixed(0)} ms (seed ${worst.seed}), ` +
      `peak +${(peak.bytes / MIB).toFixed(0)} MiB (seed ${peak.seed}), ${failures.length} failures`,
  ].join("\n");
}
