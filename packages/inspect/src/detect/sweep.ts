import { setTimeout as sleep } from "node:timers/promises";
import { toCasemateError } from "@casemate/core";
import type { Budget } from "../budget.ts";
import type { Access, DataClass } from "../kernel/data-class.ts";
import type { Consistency } from "../kernel/grant.ts";
import type { Kernel } from "../kernel/kernel.ts";
import type { KernelReader } from "../kernel/kernel-reader.ts";
import { isBooted } from "../linux/is-booted.ts";
import type { Interview } from "./agent/interview.ts";
import type { Allowances, Detector } from "./detector.ts";
import type { AnyDetector } from "./detectors.ts";
import type { GuestFiles } from "./guest-files.ts";
import { LookReport } from "./look-report.ts";
import type { PeerGuest } from "./peer-guest.ts";
import type { SignatureMatcher } from "./signature-matcher.ts";
import type { Suspicion } from "./suspicion.ts";
import type { Verdict } from "./verdict.ts";

/** What one sweep does, and what it may use. */
export interface SweepOptions {
  readonly detectors: readonly AnyDetector[];
  /** The classes of data that may be read: detectors that need others are inconclusive. */
  readonly classes: readonly DataClass[];
  /** Time of each detector's look, in milliseconds; those of high cost have ten times as much. */
  readonly budget: number;
  readonly allowances: Allowances;
  readonly files?: GuestFiles | undefined;
  readonly signatures?: SignatureMatcher | undefined;
  readonly interview?: Interview | undefined;
  /** Other guests that may be compared with: their kernels' code may be read. */
  readonly peers?: readonly Kernel[];
  /** What detectors keep of this guest from sweep to sweep, by their ids. */
  readonly kept: Map<string, Map<string, unknown>>;
}

/**
 * Waits between the looks that a suspicion must outlive, in milliseconds: what is only in the middle of a
 * change is settled by looking again, and a processor of the guest may be off the host's for a while.
 */
const SETTLING: readonly number[] = [2, 20, 100, 400];

/** A look in which the guest never held still does not acquit, but is tried again this often. */
const TORN_TRIES = 3;
/** What such a guest is left to itself for before that, in milliseconds. */
const TORN_WAIT = 20;

/** How much more time detectors of high cost have. */
const HIGH_COST = 10;

/** What one look of a detector brought, and what it cost. */
interface Reading {
  readonly report: LookReport;
  readonly consistency: Consistency;
  readonly attempts: number;
  readonly steps: number;
}

/** Has each detector look at the guest. What one of them cannot do is in its verdict; none ends the sweep. */
export async function sweep(
  kernel: Kernel,
  options: SweepOptions,
  signal?: AbortSignal,
): Promise<readonly Verdict[]> {
  const verdicts: Verdict[] = [];
  for (const detector of options.detectors) {
    signal?.throwIfAborted();
    verdicts.push(await settle(kernel, detector, options, signal));
  }
  return verdicts;
}

/** Looks until what was found stands still: only what every look sees is told. */
async function settle(
  kernel: Kernel,
  detector: AnyDetector,
  options: SweepOptions,
  signal?: AbortSignal,
): Promise<Verdict> {
  const started = performance.now();
  const sound = new Map<string, unknown>();
  const lookOnce = () => look(kernel, detector, options, sound);
  let reading = lookOnce();
  let { attempts: looks, steps } = reading;
  const waits = kernel.isLive ? SETTLING : [];
  // A guest that changes at every look may hold still a little later.
  for (const wait of waits) {
    const isRestless = reading.consistency === "torn" && reading.attempts > 1;
    if (!isRestless || reading.report.suspicions.length > 0) break;
    await sleep(wait, undefined, { signal });
    reading = lookOnce();
    looks += reading.attempts;
    steps += reading.steps;
  }
  let { suspicions } = reading.report;
  for (const wait of waits) {
    if (suspicions.length === 0) break;
    for (let tries = 1; ; tries += 1) {
      await sleep(tries === 1 ? wait : TORN_WAIT, undefined, { signal });
      reading = lookOnce();
      looks += reading.attempts;
      steps += reading.steps;
      const seen = new Set(reading.report.suspicions.map(({ key }) => key));
      const isAgain = suspicions.every(({ key }) => seen.has(key));
      if (isAgain || reading.consistency !== "torn" || tries === TORN_TRIES) break;
    }
    const before = new Set(suspicions.map(({ key }) => key));
    suspicions = reading.report.suspicions.filter(({ key }) => before.has(key));
  }
  const { report, consistency } = reading;
  const { missed, coverage } = report;
  const milliseconds = performance.now() - started;
  const verdict = judge(suspicions, report);
  const cost = { consistency, looks, steps, milliseconds };
  return { detector: detector.id, verdict, suspicions, missed, coverage, ...cost };
}

function judge(suspicions: readonly Suspicion[], { missed }: LookReport): Verdict["verdict"] {
  if (suspicions.length > 0) return "suspicious";
  return missed.length > 0 ? "inconclusive" : "clean";
}

function look(
  kernel: Kernel,
  detector: AnyDetector,
  options: SweepOptions,
  sound: Map<string, unknown>,
): Reading {
  const { needs, cost } = detector;
  const refused = needs.filter((need) => !options.classes.includes(need));
  if (refused.length > 0) {
    const report = new LookReport();
    report.miss("everything", `It needs leave to read ${refused.join(" and ")}.`);
    return { report, consistency: "consistent", attempts: 0, steps: 0 };
  }
  const milliseconds = options.budget * (cost === "high" ? HIGH_COST : 1);
  let report = new LookReport();
  try {
    const seen = kernel.grant(...needs).look(
      (access, budget) => {
        // Of an attempt that the guest tore nothing is kept.
        report = new LookReport();
        inspect(detector, access, budget, options, sound, report);
      },
      { milliseconds },
    );
    for (const { object, reason } of seen.damaged) report.miss(object, reason);
    if (seen.consistency === "torn") {
      report.miss("one moment", "The guest changed at every look what was looked at.");
    }
    const { consistency, attempts, steps } = seen;
    return { report, consistency, attempts, steps };
  } catch (thrown) {
    report.miss("the rest", toCasemateError(thrown).message);
    return { report, consistency: "torn", attempts: 1, steps: 0 };
  }
}

function asPeer(kernel: Kernel, { milliseconds }: Budget): PeerGuest {
  const grant = kernel.grant("kernelMetadata", "kernelText");
  return {
    buildId: kernel.facts.buildId,
    look: (read) => grant.look((access) => read(access), { milliseconds }).value,
  };
}

/** One attempt; what it found before it broke off stays found. */
function inspect<Needs extends DataClass>(
  detector: Detector<Needs>,
  access: Access<Needs>,
  budget: Budget,
  { files, signatures, interview, peers = [], allowances, kept }: SweepOptions,
  sound: Map<string, unknown>,
  report: LookReport,
): void {
  let own = kept.get(detector.id);
  if (own === undefined) {
    own = new Map();
    kept.set(detector.id, own);
  }
  try {
    // It has the reader of each class that the detector needs.
    const { kernel } = access as { readonly kernel?: KernelReader };
    if (kernel !== undefined && !isBooted(kernel)) {
      report.miss("everything", "The guest's kernel is still starting.");
      return;
    }
    detector.check(access, {
      ...{ budget, files, signatures, interview, allowances, sound, kept: own },
      peers: peers.map((peer) => asPeer(peer, budget)),
      report: (suspicion) => report.add(suspicion),
      looked: (count) => report.look(count),
      missed: (what, reason, count) => report.miss(what, reason, count),
    });
  } catch (thrown) {
    const { code, message } = toCasemateError(thrown);
    // What contradicts itself may only be in the middle of a change: the look is tried again.
    if (code === "kernel/damaged" || !/^(kernel|inspect|disk)\//.test(code)) throw thrown;
    report.miss("the rest", message);
  }
}
