import {
  formatAddress,
  gva,
  type Milliseconds,
  type PhysicalMemory,
  toCasemateError,
} from "@casemate/core";
import {
  type AgentAnswer,
  type AgentQuestion,
  attach,
  type DataClass,
  glance,
  Interview,
  type Kernel,
  ProfileCache,
  parseArgument,
  readKernelPages,
  recallFor,
  type SweepOptions,
  sweep,
} from "@casemate/inspect";
import type { PagesRequest } from "../guest-pages.ts";
import type { SweepRequest } from "../guest-sweep.ts";
import { inspectableView, type ViewRequest } from "../inspectable-view.ts";
import type { GlanceReading, PagesReading, SweepReading, ViewReading } from "./messages.ts";

/** A way to find the kernel in a guest's memory. */
export type FindKernel = (
  memory: PhysicalMemory,
  options: { readonly profiles: ProfileCache },
) => Kernel;

/** What comparing the code of kernels reads of each. */
const COMPARED: readonly DataClass[] = ["kernelMetadata", "kernelText"];

/** A guest whose memory is open and whose kernel was found; disposing lets go of both. */
export class Guest implements AsyncDisposable {
  /** Kernel builds seen before: guests of one build share its types and symbols. */
  static readonly #profiles = new ProfileCache();
  readonly #memory: PhysicalMemory;
  readonly #kernel: Kernel;
  readonly #kept: SweepOptions["kept"] = new Map();
  /** What the agent in the guest was asked for the next sweep. */
  #interview: Interview | undefined;
  /** What the last sweep had leave to read. */
  #classes: readonly DataClass[] = [];

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

  /** Pages of the kernel's memory as they are; those of processes and files are missed. Throws `vm/gone`, `inspect/budget`. */
  readPages({ addresses, budget }: PagesRequest): PagesReading {
    const at = addresses.map((text) => gva(BigInt(text)));
    const { value, consistency, milliseconds } = this.#kernel
      .grant("kernelMetadata", "kernelText")
      .look((access) => readKernelPages(access, at), { milliseconds: budget });
    return {
      pages: value.pages.map(({ address, physical, path, bytes }) => ({
        address: formatAddress(address),
        physical: formatAddress(physical),
        path: path.map(({ table, at, entry }) => ({
          ...{ table, at: formatAddress(at) },
          entry: formatAddress(gva(entry)),
        })),
        base64: Buffer.from(bytes).toString("base64"),
      })),
      missed: value.missed.map(({ address, reason }) => ({ what: formatAddress(address), reason })),
      ...{ consistency, elapsedMs: milliseconds },
    };
  }

  /** What shows of the kernel at a glance. Throws `vm/gone`, `kernel/*`, `inspect/budget`. */
  glance(budget: Milliseconds): GlanceReading {
    const before = process.cpuUsage();
    const { value } = this.#kernel
      .grant("kernelMetadata")
      .look(({ kernel }) => glance(kernel), { milliseconds: budget });
    const { user, system } = process.cpuUsage(before);
    return { ...value, cpuMs: (user + system) / 1_000 };
  }

  /**
   * What the agent in the guest is to be asked next for the next sweep, by `detectors`, nothing once all is
   * settled; `answers` are those to what was asked before, where something was. What goes wrong is missed in the
   * sweep.
   */
  askNext(
    detectors: SweepOptions["detectors"],
    { classes, budget: milliseconds }: Pick<SweepRequest, "classes" | "budget">,
    answers: readonly AgentAnswer[] | undefined,
  ): readonly AgentQuestion[] {
    const begun = answers === undefined ? undefined : this.#interview;
    const interview = begun ?? new Interview();
    this.#interview = interview;
    interview.hear(answers ?? []);
    try {
      return interview.ask(recallFor(this.#kernel, { detectors, classes }, { milliseconds }));
    } catch (thrown) {
      interview.giveUp(toCasemateError(thrown).message);
      return [];
    }
  }

  /** What `detectors` say, which only who sweeps loads, with what they are given. Throws `vm/gone`. */
  async sweep(
    detectors: SweepOptions["detectors"],
    request: Omit<SweepRequest, "detectors">,
    given: Pick<SweepOptions, "files" | "signatures" | "peers">,
  ): Promise<SweepReading> {
    const started = performance.now();
    const before = process.cpuUsage();
    const { classes, budget, allowances } = request;
    this.#classes = classes;
    const interview = this.#interview;
    this.#interview = undefined;
    const asked = { detectors, classes, budget, allowances, interview };
    const options = { ...asked, ...given, kept: this.#kept };
    const verdicts = await sweep(this.#kernel, options);
    const { user, system } = process.cpuUsage(before);
    return {
      ...{ verdicts, elapsedMs: performance.now() - started },
      cpuMs: (user + system) / 1_000, // sweeps are made one after another
    };
  }

  /** Forgets what those detectors keep of it for which `isGone` says so. */
  forget(isGone: (detector: string) => boolean): void {
    for (const id of this.#kept.keys()) if (isGone(id)) this.#kept.delete(id);
  }

  /** Its kernel, for those of its build to be compared with; only of one that was swept with leave to read code. */
  get comparable(): Kernel | undefined {
    return COMPARED.every((each) => this.#classes.includes(each)) ? this.#kernel : undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#memory[Symbol.asyncDispose]();
  }
}
