import type { PhysicalMemory } from "@casemate/core";
import {
  attach,
  type GuestFiles,
  type Kernel,
  ProfileCache,
  parseArgument,
  type SweepOptions,
  sweep,
} from "@casemate/inspect";
import type { SweepRequest } from "../guest-sweep.ts";
import { inspectableView, type ViewRequest } from "../inspectable-view.ts";
import type { SweepReading, ViewReading } from "./messages.ts";

/** A way to find the kernel in a guest's memory. */
export type FindKernel = (
  memory: PhysicalMemory,
  options: { readonly profiles: ProfileCache },
) => Kernel;

/** A guest whose memory is open and whose kernel was found; disposing lets go of both. */
export class Guest implements AsyncDisposable {
  /** Kernel builds seen before: guests of one build share its types and symbols. */
  static readonly #profiles = new ProfileCache();
  readonly #memory: PhysicalMemory;
  readonly #kernel: Kernel;
  readonly #kept: SweepOptions["kept"] = new Map();

  private constructor(memory: PhysicalMemory, kernel: Kernel) {
    this.#memory = memory;
    this.#kernel = kernel;
  }

  /**
   * Finds the kernel in `memory`, which is closed again when that fails: by what is in memory alone, unless
   * `find` knows more. Throws `kernel/*`, `inspect/budget`.
   */
  static async open(memory: PhysicalMemory, find: FindKernel = attach): Promise<Guest> {
    try {
      return new Guest(memory, find(memory, { profiles: Guest.#profiles }));
    } catch (thrown) {
      await memory[Symbol.asyncDispose]();
      throw thrown;
    }
  }

  /** The rows of a view within its budget. Throws `usage`, `vm/gone`, `kernel/*`, `inspect/*`. */
  read(request: ViewRequest): ViewReading {
    const view = inspectableView(request);
    const { items, consistency, damaged, milliseconds } = this.#kernel
      .grant(...view.needs)
      .read(view, { milliseconds: request.budget }, parseArgument(view, request.argument));
    return { items, consistency, damaged, elapsedMs: milliseconds };
  }

  /** What `detectors` say, which only who sweeps loads; `files` are those on the guest's disks. Throws `vm/gone`. */
  async sweep(
    detectors: SweepOptions["detectors"],
    request: Omit<SweepRequest, "detectors">,
    files?: GuestFiles,
  ): Promise<SweepReading> {
    const started = performance.now();
    const before = process.cpuUsage();
    const { classes, budget, allowances } = request;
    const options = { detectors, classes, budget, allowances, files, kept: this.#kept };
    const verdicts = await sweep(this.#kernel, options);
    const { user, system } = process.cpuUsage(before);
    return {
      ...{ verdicts, elapsedMs: performance.now() - started },
      cpuMs: (user + system) / 1_000, // sweeps are made one after another
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#memory[Symbol.asyncDispose]();
  }
}
