/**
 * A hundred guests, each swept every 10 s for a minute: some that run, and dumps of them for the others.
 *
 * A sweep is what the watch does: all detectors of low cost, and at each tenth sweep of a guest one of high cost,
 * so that each of those looks every ten minutes. What it costs is this process's time on a processor, user and
 * system, attaching and the first sweeps not counted.
 */
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { PhysicalMemory } from "@casemate/core";
import { openMemoryImage, openVmMemory } from "@casemate/host";
import { ensureImage, labCacheDir, type TestGuest } from "@casemate/lab";
import { usualDetectors } from "../src/detect/detectors.ts";
import {
  attach,
  DATA_CLASSES,
  type Kernel,
  ProfileCache,
  type SweepOptions,
  sweep,
} from "../src/index.ts";
import { labFiles } from "../test/detect/lab-files.ts";
import { readMemoryUse } from "./read-memory-use.ts";
import { bootSweepGuest } from "./sweep-guest.ts";

const GUESTS = 100;
const RUNNING = 4;
const MEMORY_MIB = 256;
const PERIOD_MS = 10_000;
const ROUNDS = 6;
/** Of a guest's sweeps one in so many has a detector of high cost with it. */
const HIGH_COST_EVERY = 10;
const LIMIT = 0.25;
/** Something that comes and goes, as on any server. */
const CHURN = "setsid sh -c 'while :; do ls -R /etc; sleep 2; done' >/dev/null 2>&1 &";

interface SweptGuest {
  readonly kernel: Kernel;
  readonly kept: SweepOptions["kept"];
}

/** A dump that is swept as if it could change, for that costs more. */
function replay(memory: PhysicalMemory): PhysicalMemory {
  return {
    description: memory.description,
    ranges: memory.ranges,
    windowShift: memory.windowShift,
    live: true,
    window: (index) => memory.window(index),
    populated: () => memory.populated(),
    refresh: () => memory.refresh(),
    [Symbol.asyncDispose]: () => memory[Symbol.asyncDispose](),
  };
}

await using undo = new AsyncDisposableStack();
const directory = await mkdtemp(join(tmpdir(), "casemate-bench-"));
undo.defer(() => rm(directory, { recursive: true, force: true }));
const profiles = new ProfileCache();
const guests: SweptGuest[] = [];
const dumps: string[] = [];
const add = (memory: PhysicalMemory) => {
  undo.use(memory);
  guests.push({ kernel: attach(memory, { profiles }), kept: new Map() });
};

let size = "";
let build: TestGuest["kernel"] | undefined;
for (let i = 0; i < RUNNING; i += 1) {
  const booted = await bootSweepGuest(MEMORY_MIB);
  const guest = undo.use(booted.guest);
  size = booted.size;
  build = guest.kernel;
  const dump = join(directory, `${i}.raw`);
  await guest.dump(dump);
  dumps.push(dump);
  await guest.console.output(CHURN);
  const { pid, monitor } = guest;
  add(await openVmMemory({ pid, description: `guest ${i}`, monitor }));
}
while (guests.length < GUESTS) {
  add(replay(await openMemoryImage(dumps[guests.length % dumps.length] ?? "")));
}
if (build === undefined) throw new Error("No guest runs.");
const files = undo.use(await labFiles(build, await ensureImage({ cacheDir: labCacheDir })));

const low = usualDetectors.filter(({ cost }) => cost === "low");
const high = usualDetectors.filter(({ cost }) => cost === "high");
let sweeps = 0;
let milliseconds = 0;
let found = 0;
async function sweepOne(chosen: SweepOptions["detectors"], { kernel, kept }: SweptGuest) {
  const allowances = { rawSockets: [], codeMakers: [] };
  const options = { classes: DATA_CLASSES, budget: 5_000, allowances, files, kept };
  const verdicts = await sweep(kernel, { detectors: chosen, ...options });
  sweeps += 1;
  milliseconds += verdicts.reduce((sum, verdict) => sum + verdict.milliseconds, 0);
  found += verdicts.filter(({ suspicions }) => suspicions.length > 0).length;
}

const before = process.cpuUsage();
for (const guest of guests) await sweepOne(usualDetectors, guest);
const first = process.cpuUsage(before);

sweeps = 0;
milliseconds = 0;
const start = process.cpuUsage();
const started = performance.now();
for (let round = 0; round < ROUNDS; round += 1) {
  for (const [i, guest] of guests.entries()) {
    const due = started + round * PERIOD_MS + (i * PERIOD_MS) / GUESTS;
    await sleep(Math.max(0, due - performance.now()));
    const turn = (round * GUESTS + i) % (HIGH_COST_EVERY * high.length);
    const more = turn % HIGH_COST_EVERY === 0 ? high[turn / HIGH_COST_EVERY] : undefined;
    await sweepOne(more === undefined ? low : [...low, more], guest);
  }
}
await sleep(Math.max(0, started + ROUNDS * PERIOD_MS - performance.now()));
const elapsed = performance.now() - started;
const { user, system } = process.cpuUsage(start);
if (found > 0) throw new Error(`${found} verdicts found something in sound guests.`);

const share = (user + system) / 1000 / elapsed;
const { size: bytes } = await stat(dumps[0] ?? "");
const { anonymous } = readMemoryUse((file) => file.includes(directory) || file.includes("memfd:"));
const percent = (part: number) => `${(part * 100).toFixed(1)} %`;
const MIB = 2 ** 20;
const rows = [
  [`${GUESTS} guests of ${size}`, "measured", "limit"],
  ["---", "---", "---"],
  ["of them running", `${RUNNING} of ${bytes / MIB} MiB`, "–"],
  ["share of one processor at a sweep of each per 10 s", percent(share), `under ${percent(LIMIT)}`],
  ["processor time of a sweep", `${((user + system) / 1000 / sweeps).toFixed(1)} ms`, "25 ms"],
  ["time of a sweep", `${(milliseconds / sweeps).toFixed(1)} ms`, "–"],
  ["sweeps in that minute", `${sweeps} in ${(elapsed / 1000).toFixed(1)} s`, `${GUESTS * ROUNDS}`],
  [
    "processor time of a first sweep with all detectors",
    `${((first.user + first.system) / 1000 / GUESTS).toFixed(0)} ms`,
    "–",
  ],
  ["memory of the process for each guest", `${(anonymous / MIB / GUESTS).toFixed(1)} MiB`, "–"],
];
for (const row of rows) console.log(`| ${row.join(" | ")} |`);
