import { CasemateError, type Milliseconds } from "@casemate/core";

/** The time that a scan may take. */
export class ScanBudget {
  readonly #limit: Milliseconds;
  readonly #end: number;

  constructor(limit: Milliseconds) {
    this.#limit = limit;
    this.#end = performance.now() + limit;
  }

  /** Throws `inspect/budget` once the time is used up. */
  verify(): void {
    if (performance.now() <= this.#end) return;
    throw new CasemateError(
      "inspect/budget",
      `Cannot finish the scan: it took longer than ${this.#limit} ms, expected less.`,
    );
  }
}
