import type { GuestSweep } from "@casemate/agent";
import type { ErrorCode } from "@casemate/core";
import type { DataClass, Verdict } from "@casemate/inspect";
import { type AnyDetector, usualDetectors as detectors, isDear } from "@casemate/inspect/detectors";

/** What one detector said last of a VM. */
export interface LatestVerdict extends Omit<Verdict, "suspicions"> {
  /** How many suspicions it has. */
  readonly suspicions: number;
  /** ISO 8601. */
  readonly at: string;
}

/** What the watch knows of one VM. */
export interface VmWatchState {
  /** `inconclusive` where any of the checks could not look, or none has yet. */
  readonly verdict: Verdict["verdict"];
  /** How many of all checks could look at everything they look at. */
  readonly coverage: { readonly looked: number; readonly total: number };
  readonly classes: readonly DataClass[];
  readonly lastSweep:
    | { readonly at: string; readonly elapsedMs: number; readonly cpuMs: number }
    | undefined;
  /** Why the last sweep did not come about. */
  readonly failure:
    | { readonly at: string; readonly code: ErrorCode; readonly message: string }
    | undefined;
  readonly nextSweep: string | undefined;
  readonly budget: {
    readonly cpuMsPerMinute: number;
    readonly cpuMsLeft: number;
    readonly cpuMsLastMinute: number;
    /** For how long a sweep may have the VM stand still. */
    readonly pauseUs: 0;
  };
  /** How many suspicions were too many to be told one by one. */
  readonly untold: number;
  readonly detectors: readonly LatestVerdict[];
  /** Detectors that did not look, and why. */
  readonly unasked: readonly { readonly detector: string; readonly reason: string }[];
}

/** The latest verdicts on one VM, and what they come to. */
export class VmVerdicts {
  readonly #latest = new Map<string, LatestVerdict>();
  /** When each detector of high cost looked last. */
  readonly #dear = new Map<string, number>();
  classes: readonly DataClass[] = [];
  lastSweep: VmWatchState["lastSweep"];
  failure: VmWatchState["failure"];
  untold = 0;

  /** What each detector said last. */
  get latest(): readonly LatestVerdict[] {
    return [...this.#latest.values()];
  }

  /** Every detector that may look. */
  get permitted(): readonly string[] {
    return detectors.filter((each) => this.#isPermitted(each)).map(({ id }) => id);
  }

  /**
   * The detectors that are to look now: those of low cost, and one of high cost whose turn it is, as far as
   * there is processor time left for each kind.
   */
  choose(
    left: { readonly low: number; readonly high: number },
    now: number,
    highCostInterval: number,
  ): readonly string[] {
    const permitted = detectors.filter((each) => this.#isPermitted(each));
    const cheap = permitted.filter(({ cost }) => cost === "low").map(({ id }) => id);
    const [dear] = permitted
      .filter(({ cost }) => cost === "high")
      .map(({ id }) => ({ id, at: this.#dear.get(id) ?? Number.NEGATIVE_INFINITY }))
      .filter(({ at }) => now - at >= highCostInterval)
      .toSorted((one, other) => (one.at < other.at ? -1 : 1));
    return [
      ...(left.low > 0 ? cheap : []),
      ...(left.high > 0 && dear !== undefined ? [dear.id] : []),
    ];
  }

  sweptBy({ takenAt, elapsedMs, cpuMs = elapsedMs, verdicts }: GuestSweep, now: number): void {
    const at = takenAt.toISOString();
    this.lastSweep = { at, elapsedMs, cpuMs };
    this.failure = undefined;
    for (const { suspicions, ...verdict } of verdicts) {
      this.#latest.set(verdict.detector, { ...verdict, suspicions: suspicions.length, at });
      if (isDear(verdict.detector)) this.#dear.set(verdict.detector, now);
    }
  }

  /** Another run of the VM is another guest: nothing is known of it yet. */
  forget(): void {
    this.#latest.clear();
    this.#dear.clear();
    this.lastSweep = undefined;
    this.failure = undefined;
    this.untold = 0;
  }

  describe(): Omit<VmWatchState, "nextSweep" | "budget"> {
    const { latest } = this;
    const sound = latest.filter(({ missed, verdict }) => isWhole(verdict, missed));
    const { classes, lastSweep, failure, untold } = this;
    return {
      verdict: this.#judge(latest, sound.length),
      coverage: { looked: sound.length, total: detectors.length },
      detectors: latest,
      unasked: detectors.flatMap((each) => this.#whyUnasked(each)),
      ...{ classes, lastSweep, failure, untold },
    };
  }

  #judge(latest: readonly LatestVerdict[], sound: number): Verdict["verdict"] {
    if (latest.some(({ verdict }) => verdict === "suspicious")) return "suspicious";
    const isClean = sound === detectors.length && this.failure === undefined && sound > 0;
    return isClean ? "clean" : "inconclusive";
  }

  #isPermitted({ needs }: AnyDetector): boolean {
    return needs.every((need: DataClass) => this.classes.includes(need));
  }

  #whyUnasked(detector: AnyDetector): VmWatchState["unasked"] {
    const { id, needs } = detector;
    if (this.#latest.has(id)) return [];
    const refused = needs.filter((need: DataClass) => !this.classes.includes(need));
    const reason =
      refused.length > 0
        ? `No policy lets the watch read ${refused.join(" and ")} of this VM.`
        : "It had no turn yet.";
    return [{ detector: id, reason }];
  }
}

function isWhole(verdict: Verdict["verdict"], missed: Verdict["missed"]): boolean {
  return verdict !== "inconclusive" && missed.length === 0;
}
