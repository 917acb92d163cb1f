import type { GuestSweep } from "@casemate/agent";
import { isDear } from "@casemate/inspect/detectors";
import { CpuBudget } from "./cpu-budget.ts";
import type { VmWatchState } from "./vm-verdicts.ts";

/**
 * What sweeps over one VM may cost. Half is for detectors of low cost and half for those of high cost, so that
 * these never keep the others from looking.
 */
export class VmBudget {
  readonly #low: CpuBudget;
  readonly #high: CpuBudget;

  /** @param perMinute milliseconds of processor time in each minute; `now` is in milliseconds of any clock */
  constructor(perMinute: number, now: number) {
    this.#low = new CpuBudget(perMinute / 2, now);
    this.#high = new CpuBudget(perMinute / 2, now);
  }

  left(now: number): { readonly low: number; readonly high: number } {
    return { low: this.#low.left(now), high: this.#high.left(now) };
  }

  /** Each kind pays its part of what the sweep took of the processor. */
  spend({ verdicts, elapsedMs, cpuMs = elapsedMs }: GuestSweep, now: number): void {
    const sum = (some: GuestSweep["verdicts"]) =>
      some.reduce((total, { milliseconds }) => total + milliseconds, 0);
    const all = sum(verdicts);
    const share = all === 0 ? 0 : sum(verdicts.filter(({ detector }) => isDear(detector))) / all;
    this.#high.spend(cpuMs * share, now);
    this.#low.spend(cpuMs * (1 - share), now);
  }

  /** A glance is paid for with the detectors of low cost. */
  spendGlance(cpuMs: number, now: number): void {
    this.#low.spend(cpuMs, now);
  }

  describe(now: number): VmWatchState["budget"] {
    const { low, high } = this.left(now);
    return {
      cpuMsPerMinute: this.#low.perMinute + this.#high.perMinute,
      cpuMsLeft: low + high,
      cpuMsLastMinute: this.#low.spent(now) + this.#high.spent(now),
      pauseUs: 0,
    };
  }
}
