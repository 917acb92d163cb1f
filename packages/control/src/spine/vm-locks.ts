import { CasemateError } from "@casemate/core";

/** One operation at a time on one VM, in the order they came; different VMs do not wait for each other. */
export class VmLocks {
  /** The last in each line. Whoever comes next waits for it. */
  readonly #tails = new Map<string, Promise<void>>();
  readonly #turns = new Map<string, number>();

  isHeld(key: string): boolean {
    return this.#tails.has(key);
  }

  /** How many have had their turn at `key`: the same later means that nobody had one since. */
  turns(key: string): number {
    return this.#turns.get(key) ?? 0;
  }

  /**
   * Waits for its turn at `key`; disposing lets the next one in.
   *
   * Throws `cancelled` when the signal is aborted before that; those behind it then wait for those before it.
   */
  async acquire(key: string, signal?: AbortSignal): Promise<Disposable> {
    const before = this.#tails.get(key);
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    const tail = Promise.all([before, released]).then(() => {
      if (this.#tails.get(key) === tail) this.#tails.delete(key);
    });
    this.#tails.set(key, tail);
    try {
      await turn(before, signal);
    } catch (thrown) {
      release();
      throw thrown;
    }
    this.#turns.set(key, this.turns(key) + 1);
    return { [Symbol.dispose]: release };
  }
}

async function turn(before: Promise<void> | undefined, signal?: AbortSignal): Promise<void> {
  const cancelled = () =>
    new CasemateError("cancelled", "Cannot begin: it was cancelled before its turn came.");
  if (signal?.aborted === true) throw cancelled();
  if (before === undefined) return;
  if (signal === undefined) return await before;
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = () => reject(cancelled());
  signal.addEventListener("abort", abort, { once: true });
  try {
    await Promise.race([before, aborted]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
