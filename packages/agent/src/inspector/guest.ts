import { milliseconds, type PhysicalMemory } from "@casemate/core";
import { attach, type Kernel, ProfileCache } from "@casemate/inspect";
import { inspectableView } from "../inspectable-view.ts";
import type { ViewReading } from "./messages.ts";

/** A guest whose memory is open and whose kernel was found; disposing lets go of both. */
export class Guest implements AsyncDisposable {
  /** Kernel builds seen before: guests of one build share its types and symbols. */
  static readonly #profiles = new ProfileCache();
  readonly #memory: PhysicalMemory;
  readonly #kernel: Kernel;

  private constructor(memory: PhysicalMemory, kernel: Kernel) {
    this.#memory = memory;
    this.#kernel = kernel;
  }

  /** Finds the kernel in `memory`, which is closed again when that fails. Throws `kernel/*`, `inspect/budget`. */
  static async open(memory: PhysicalMemory): Promise<Guest> {
    try {
      return new Guest(memory, attach(memory, { profiles: Guest.#profiles }));
    } catch (thrown) {
      await memory[Symbol.asyncDispose]();
      throw thrown;
    }
  }

  /** The rows of view `id` within `budgetMs`. Throws `vm/gone`, `kernel/*`, `inspect/budget`. */
  read(id: string, budgetMs: number): ViewReading {
    const view = inspectableView(id);
    const grant = this.#kernel.grant(...view.needs);
    const { items, consistency, ...cost } = grant.read(view, {
      milliseconds: milliseconds(budgetMs),
    });
    return {
      items: items as ViewReading["items"], // views promise JSON's own types; the agent checks
      consistency,
      elapsedMs: cost.milliseconds,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#memory[Symbol.asyncDispose]();
  }
}
