import { getHeapStatistics } from "node:v8";
import { CasemateError, formatBytes, MiB } from "@casemate/core";

export interface BudgetLimits {
  /** Wall time, in milliseconds. */
  readonly milliseconds?: number;
  /** Elements that all walks together may visit; more time brings more of them. */
  readonly steps?: number;
}

/** How many steps pass between two looks at the clock. */
const CLOCK_INTERVAL = 256;

/** How much a look may make V8's heap grow: rows and texts that are kept, and what is not collected yet. */
const MAX_GROWTH = 96 * MiB;

/** What one look into a guest may cost: time, steps and memory. It starts when it is made. */
export class Budget {
  static readonly DEFAULT_MILLISECONDS = 2_000;
  static readonly DEFAULT_STEPS = 500_000;
  static readonly #STEPS_PER_MILLISECOND = Budget.DEFAULT_STEPS / Budget.DEFAULT_MILLISECONDS;

  readonly milliseconds: number;
  readonly steps: number;
  readonly #deadline: number;
  readonly #heapBefore: number;
  #spent = 0;
  #nextLook = 1;

  /** @param before the attempt before this one, which used up time and memory already. */
  constructor(limits: BudgetLimits = {}, before?: Budget) {
    this.milliseconds = limits.milliseconds ?? Budget.DEFAULT_MILLISECONDS;
    const steps = Math.ceil(this.milliseconds * Budget.#STEPS_PER_MILLISECOND);
    this.steps = limits.steps ?? Math.max(Budget.DEFAULT_STEPS, steps);
    this.#deadline = before ? before.#deadline : performance.now() + this.milliseconds;
    this.#heapBefore = before ? before.#heapBefore : getHeapStatistics().used_heap_size;
  }

  get spent(): number {
    return this.#spent;
  }

  /** For another attempt: steps anew, and what is left of time and memory. */
  renew(): Budget {
    return new Budget(this, this);
  }

  /** Pays for `count` elements. Throws `inspect/budget` when time, steps or memory are used up. */
  step(count = 1): void {
    this.#spent += count;
    if (this.#spent >= this.#nextLook) this.#look();
  }

  #look(): void {
    this.#nextLook = this.#spent + CLOCK_INTERVAL;
    if (this.#spent > this.steps) {
      throw this.#usedUp("were visited", `at most ${this.steps}`);
    }
    if (performance.now() > this.#deadline) {
      throw this.#usedUp("took longer", `${this.milliseconds} ms at most`);
    }
    if (getHeapStatistics().used_heap_size - this.#heapBefore > MAX_GROWTH) {
      throw this.#usedUp("took more memory", `at most ${formatBytes(MAX_GROWTH)}`);
    }
  }

  #usedUp(seen: string, needed: string): CasemateError {
    return new CasemateError(
      "inspect/budget",
      `Cannot finish the walk: ${this.#spent} elements ${seen}, expected ${needed}.`,
    );
  }
}
