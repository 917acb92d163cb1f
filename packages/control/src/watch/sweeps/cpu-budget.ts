/** How many minutes' allowance can be saved up: one dear look must be possible, a burst of them not. */
const MOST_SAVED = 10;

/** Processor time that one VM may cost: so much in a minute, and what was not used of the minutes before. */
export class CpuBudget {
  readonly perMinute: number;
  #left: number;
  #at: number;
  /** What was spent, with the times, of the last minute. */
  readonly #spent: { readonly at: number; readonly cost: number }[] = [];

  /** @param perMinute in milliseconds; times are in milliseconds, too, of any clock */
  constructor(perMinute: number, now: number) {
    this.perMinute = perMinute;
    this.#left = perMinute;
    this.#at = now;
  }

  /** What may be spent now; less than nothing where the last sweep cost more than there was. */
  left(now: number): number {
    const minutes = (now - this.#at) / 60_000;
    this.#at = now;
    const most = this.perMinute * MOST_SAVED;
    this.#left = Math.min(most, this.#left + minutes * this.perMinute);
    return this.#left;
  }

  spend(cost: number, now: number): void {
    this.#left = this.left(now) - cost;
    this.#spent.push({ at: now, cost });
  }

  /** What the last minute cost. */
  spent(now: number): number {
    while ((this.#spent[0]?.at ?? now) < now - 60_000) this.#spent.shift();
    return this.#spent.reduce((sum, { cost }) => sum + cost, 0);
  }
}
