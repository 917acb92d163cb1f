import { CasemateError } from "@casemate/core";

export interface BudgetLimits {
  /** Wall time, in milliseconds. */
  readonly milliseconds?: number;
  /** Elements that all walks together may visit; more time brings more of them. */
  readonly steps?: number;
}

/** How many steps pass between two looks at the clock. */
const CLOCK_INTERVAL = 256;

/** What one look into a guest may cost: a deadline and a number of steps. It starts when it is made. */
export class Budget {
  static readonly DEFAULT_MILLISECONDS = 2_000;
  static readonly DEFAULT_STEPS = 500_000;
  static readonly #STEPS_PER_MILLISECOND = Budget.DEFAULT_STEPS / Budget.DEFAULT_MILLISECONDS;

  readonly milliseconds: number;
  readonly steps: number;
  #deadline: number;
  #spent = 0;
  #nextLook = 1;

  constructor(limits: BudgetLimits = {}) {
    this.milliseconds = limits.milliseconds ?? Budget.DEFAULT_MILLISECONDS;
    const steps = Math.ceil(this.milliseconds * Budget.#STEPS_PER_MILLISECOND);
    this.steps = limits.steps ?? Math.max(Budget.DEFAULT_STEPS, steps);
    this.#deadline = performance.now() + this.milliseconds;
  }

  get spent(): number {
    return this.#spent;
  }

  /** For another attempt: steps anew, and what is left of the time. */
  renew(): Budget {
    const renewed = new Budget(this);
    renewed.#deadline = this.#deadline;
    return renewed;
  }

  /** Pays for `count` elements. Throws `inspect/budget` when time or steps are used up. */
  step(count = 1): void {
    this.#spent += count;
    if (this.#spent >= this.#nextLook) this.#look();
  }

  #look(): void {
    this.#nextLook = this.#spent + CLOCK_INTERVAL;
    if (this.#spent > this.steps) {
      throw new CasemateError(
        "inspect/budget",
        `Cannot finish the walk: ${this.#spent} elements were visited, expected at most ${this.steps}.`,
      );
    }
    if (performance.now() > this.#deadline) {
      throw new CasemateError(
        "inspect/budget",
        `Cannot finish the walk: ${this.#spent} elements took longer than the ${this.milliseconds} ms allowed.`,
      );
    }
  }
}
