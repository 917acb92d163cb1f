import type { Suspicion } from "./suspicion.ts";
import type { Missed, Verdict } from "./verdict.ts";

/** HOSTILE: a guest whose every structure is damaged makes no more of these than anybody reads. */
const MOST = 100;

/** What one look of a detector brought. */
export class LookReport {
  readonly #suspicions = new Map<string, Suspicion>();
  readonly #missed: Missed[] = [];
  #looked = 0;
  #unseen = 0;

  /** Each fact once. */
  get suspicions(): readonly Suspicion[] {
    return [...this.#suspicions.values()];
  }

  get missed(): readonly Missed[] {
    return this.#missed;
  }

  get coverage(): Verdict["coverage"] {
    return { looked: this.#looked, total: this.#looked + this.#unseen };
  }

  add(suspicion: Suspicion): void {
    if (this.#suspicions.size < MOST) this.#suspicions.set(suspicion.key, suspicion);
    else this.miss("more suspicions", `There are more than ${MOST}.`);
  }

  look(count = 1): void {
    this.#looked += count;
  }

  miss(what: string, reason: string, count = 1): void {
    this.#unseen += count;
    if (this.#missed.length < MOST) this.#missed.push({ what, reason });
  }
}
