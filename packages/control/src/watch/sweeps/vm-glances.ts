import { setTimeout as sleep } from "node:timers/promises";
import type { GuestGlance } from "@casemate/agent";
import { toCasemateError } from "@casemate/core";

/** What glances at one VM go by. */
export interface GlanceParts {
  /** Undefined where there is nothing to look at. */
  take(signal: AbortSignal): Promise<GuestGlance | undefined>;
  /** From one glance to the next, in milliseconds. */
  readonly interval: number;
  /** Whether there is processor time left for one. */
  mayTake(): boolean;
  spend(cpuMs: number): void;
  /** Something is not as it was before the last sweep. */
  onChange(): void;
}

/** Glances at one VM between two sweeps, each held against the one that was taken before the last sweep. */
export class VmGlances {
  readonly #parts: GlanceParts;
  #bootedAt: Date | undefined;
  #known: string | undefined;
  #stop = new AbortController();
  #running: Promise<void> | undefined;

  constructor(parts: GlanceParts) {
    this.#parts = parts;
  }

  /** When the guest booted, by its own word. */
  get bootedAt(): Date | undefined {
    return this.#bootedAt;
  }

  /** It is another guest from here on. */
  forget(): void {
    this.#known = undefined;
    this.#bootedAt = undefined;
  }

  /** Ends them for a sweep: what changes from here on is new. */
  async pause(): Promise<void> {
    await this.end();
    this.#stop = new AbortController();
    this.#known = await this.#take();
  }

  /** Goes on until something has changed. */
  resume(): void {
    this.#running ??= this.#glance(this.#stop.signal)
      .catch(() => {}) // sleep alone throws, where it is ended
      .finally(() => {
        this.#running = undefined;
      });
  }

  async end(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #glance(signal: AbortSignal): Promise<void> {
    for (;;) {
      await sleep(this.#parts.interval, undefined, { signal });
      if (!this.#parts.mayTake()) continue;
      const seen = await this.#take();
      if (signal.aborted) return;
      this.#known ??= seen;
      if (seen === undefined || seen === this.#known) continue;
      this.#parts.onChange();
      return;
    }
  }

  /** What it was, in a line; why it could not be seen is something that can change, too. */
  async #take(): Promise<string | undefined> {
    try {
      const seen = await this.#parts.take(this.#stop.signal);
      if (seen === undefined) return undefined;
      const { cpuMs, bootedAt, ...what } = seen;
      // Its clocks are as old as its last tick: the earliest that they tell is the nearest.
      if (this.#bootedAt === undefined || bootedAt < this.#bootedAt) this.#bootedAt = bootedAt;
      this.#parts.spend(cpuMs);
      return JSON.stringify(what);
    } catch (thrown) {
      return toCasemateError(thrown).code;
    }
  }
}
