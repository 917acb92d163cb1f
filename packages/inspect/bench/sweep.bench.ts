/**
 * Sweeps of a guest of 150 processes and 60 modules: detectors together, at first and with what the sweep before
 * kept, and each of them by itself; beside the limits, and what Volatility 3 takes for one check.
 *
 * Times are wall-clock: the best of some runs, and the median.
 */
import { ensureImage, labCacheDir } from "@casemate/lab";
import { type AnyDetector, usualDetectors as detectors } from "../src/detect/detectors.ts";
import { DATA_CLASSES, type SweepOptions, sweep } from "../src/index.ts";
import { labFiles } from "../test/detect/lab-files.ts";
import { attachToGuest } from "../test/truth/read-guest.ts";
import { summarize, type Timing } from "./measure.ts";
import { bootSweepGuest } from "./sweep-guest.ts";

const FULL_MS = 50;
const AGAIN_MS = 15;
const TEXT_MS = 250;
/** `linux.check_syscall` of Volatility 3 over a dump of 1 GiB. */
const VOLATILITY_MS = 16_000;

const rows: string[][] = [["what", "best", "median", "limit or peer", "ratio"]];
const time = (ms: number) => `${ms.toFixed(ms < 10 ? 2 : 0)} ms`;
function report(what: string, { best, median }: Timing, beside?: string, limit?: number): void {
  const ratio = limit === undefined ? "–" : (best / limit).toFixed(4).replace(/(\.\d\d)\d*$/, "$1");
  rows.push([what, time(best), time(median), beside ?? "–", ratio]);
}

const { guest, size } = await bootSweepGuest(1024);
await using _running = guest;
await using seen = await attachToGuest(guest);
using files = await labFiles(guest.kernel, await ensureImage({ cacheDir: labCacheDir }));

/** Sweeps `runs` times; each begins with what the one before kept, or with nothing. */
async function measureSweeps(
  chosen: readonly AnyDetector[],
  runs: number,
  keeps: boolean,
): Promise<Timing> {
  let kept: SweepOptions["kept"] = new Map();
  const times: number[] = [];
  for (let i = 0; i < runs; i += 1) {
    if (!keeps) kept = new Map();
    const started = performance.now();
    const verdicts = await sweep(seen.kernel, {
      detectors: chosen,
      classes: DATA_CLASSES,
      budget: 5_000,
      allowances: { rawSockets: [], codeMakers: [] },
      files,
      kept,
    });
    times.push(performance.now() - started);
    const found = verdicts.filter(({ suspicions }) => suspicions.length > 0);
    if (found.length > 0)
      throw new Error(`${found[0]?.detector} found something in a sound guest.`);
  }
  return summarize(times);
}

/** Measures detectors together, at first and again, beside the limits of both. */
async function reportBoth(
  what: string,
  chosen: readonly AnyDetector[],
  firstMs: number,
  runs: number,
): Promise<void> {
  const first = await measureSweeps(chosen, runs, false);
  report(`${what}, nothing kept`, first, `under ${firstMs} ms`, firstMs);
  const again = await measureSweeps(chosen, runs, true);
  report(`${what}, again`, again, `under ${AGAIN_MS} ms`, AGAIN_MS);
}

const isText = ({ id }: AnyDetector) => id.endsWith("-text");
const low = detectors.filter(({ cost }) => cost === "low");
const high = detectors.filter(({ cost }) => cost === "high");
const withoutText = detectors.filter((each) => !isText(each));
console.log(`A guest of ${size}.\n`);
await reportBoth(`the ${low.length} detectors of low cost`, low, FULL_MS, 40);
await reportBoth("all but those that compare text", withoutText, FULL_MS, 20);
await reportBoth(
  "all of low cost and those that compare text",
  [...low, ...high.filter(isText)],
  TEXT_MS,
  10,
);
await reportBoth("all", detectors, TEXT_MS, 10);
report(
  "all of low cost, beside one check by another tool",
  await measureSweeps(low, 10, false),
  "Volatility 3, check_syscall: 16 s",
  VOLATILITY_MS,
);
for (const detector of low) {
  report(`${detector.id}, again`, await measureSweeps([detector], 20, true));
}
for (const detector of high) {
  report(`${detector.id}, nothing kept`, await measureSweeps([detector], 5, false));
  report(`${detector.id}, again`, await measureSweeps([detector], 5, true));
}
const [head = [], ...body] = rows;
for (const row of [head, head.map(() => "---"), ...body]) console.log(`| ${row.join(" | ")} |`);
