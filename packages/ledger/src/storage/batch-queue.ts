interface Waiting<Item, Result> {
  readonly item: Item;
  readonly done: (result: Result) => void;
  readonly failed: (error: unknown) => void;
}

/** Collects what comes while one batch is worked on, and works on it as the next: group commit. */
export class BatchQueue<Item, Result> {
  readonly #work: (batch: readonly Item[]) => Promise<readonly Result[]>;
  readonly #limit: number;
  readonly #waiting: Waiting<Item, Result>[] = [];
  #running: Promise<void> | undefined;

  /** @param work takes at most `limit` items and gives a result for each, or fails for all of them. */
  constructor(limit: number, work: (batch: readonly Item[]) => Promise<readonly Result[]>) {
    this.#limit = limit;
    this.#work = work;
  }

  /** The item's own result. Throws what its batch failed with. */
  async push(item: Item): Promise<Result> {
    return await new Promise((done, failed) => {
      this.#waiting.push({ item, done, failed });
      this.#running ??= this.#run();
    });
  }

  /** Resolves when nobody waits. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  async #run(): Promise<void> {
    do {
      // Whoever was just answered, or is about to ask in this turn, comes along.
      await new Promise((resolve) => setImmediate(resolve));
      const batch = this.#waiting.splice(0, this.#limit);
      try {
        const results = await this.#work(batch.map(({ item }) => item));
        for (const [i, { done }] of batch.entries()) done(results[i] as Result); // one for each
      } catch (thrown) {
        for (const { failed } of batch) failed(thrown);
      }
    } while (this.#waiting.length > 0);
    this.#running = undefined;
  }
}
