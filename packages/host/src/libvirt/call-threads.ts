import { Worker } from "node:worker_threads";
import type { CallAnswer, CallRequest } from "./call-thread.ts";
import { libvirtFailureToError } from "./libvirt-error.ts";
import { threadOptions } from "./thread-options.ts";

/** How many calls can be under way at once. */
const limit = 8;

/** Milliseconds that a call waits for a thread before one more is started: most calls take less than one. */
const patience = 50;

interface Job {
  readonly request: CallRequest;
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

/**
 * The threads that make libvirt calls. One serves most; more start when calls wait for each other, since
 * saving or dumping a VM may take minutes.
 */
export class CallThreads {
  #idle: Worker[] = [];
  readonly #queue: Job[] = [];
  readonly #busy = new Map<Worker, Job>();
  readonly #starting = new Set<Worker>();
  readonly #exits = new Set<Promise<void>>();
  #impatience: NodeJS.Timeout | undefined;

  constructor() {
    this.#idle.push(this.#start());
  }

  /**
   * libvirt's answer, or the CasemateError that its failure is.
   *
   * A call whose signal is aborted before a thread has it is never made; the promise is rejected then.
   */
  async run(request: CallRequest, signal?: AbortSignal): Promise<unknown> {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const job: Job = { request, resolve, reject };
    this.#queue.push(job);
    this.#next();
    const drop = (): void => {
      const at = this.#queue.indexOf(job);
      if (at < 0) return;
      this.#queue.splice(at, 1);
      reject(signal?.reason);
    };
    signal?.addEventListener("abort", drop, { once: true });
    try {
      return await promise;
    } finally {
      signal?.removeEventListener("abort", drop);
    }
  }

  /** Whether a thread starts or makes a call: it must not be ended then. */
  get busy(): boolean {
    return this.#busy.size > 0 || this.#starting.size > 0;
  }

  /** Ends the threads; no call may be under way. */
  async end(): Promise<void> {
    clearTimeout(this.#impatience);
    for (const worker of this.#idle.splice(0)) {
      // Somebody waits for it now: the process must not end before.
      worker.ref();
      worker.postMessage("end");
    }
    await Promise.all(this.#exits);
  }

  #next(): void {
    if (this.#queue.length === 0) return;
    const worker = this.#idle.pop() ?? (this.#busy.size === 0 ? this.#start() : undefined);
    if (worker === undefined) {
      if (this.#busy.size < limit) this.#impatience ??= setTimeout(() => this.#grow(), patience);
      return;
    }
    this.#give(worker);
    this.#next();
  }

  #grow(): void {
    this.#impatience = undefined;
    if (this.#queue.length === 0) return;
    this.#give(this.#start());
    this.#next();
  }

  #give(worker: Worker): void {
    const job = this.#queue.shift();
    if (job === undefined) return;
    this.#busy.set(worker, job);
    worker.postMessage(job.request);
  }

  #start(): Worker {
    const worker = new Worker(new URL("./call-thread.ts", import.meta.url), {
      ...threadOptions,
      name: "libvirt-calls",
    });
    this.#starting.add(worker);
    worker.on("message", (answer: CallAnswer) => {
      this.#starting.delete(worker);
      if (answer.kind === "ready") return;
      const job = this.#busy.get(worker);
      this.#busy.delete(worker);
      this.#idle.push(worker);
      if (answer.kind === "value") job?.resolve(answer.value);
      else job?.reject(libvirtFailureToError(answer.failure));
      this.#next();
    });
    worker.on("error", (error) => {
      this.#starting.delete(worker);
      this.#busy.get(worker)?.reject(error);
      this.#busy.delete(worker);
      this.#idle = this.#idle.filter((other) => other !== worker);
      this.#next();
    });
    // Who waits for a call holds the event loop, and that keeps the process alive. Last, because to listen
    // for messages is to hold the process too.
    worker.unref();
    const exit = new Promise<void>((resolve) => worker.once("exit", () => resolve()));
    this.#exits.add(exit);
    exit.then(() => this.#exits.delete(exit));
    return worker;
  }
}
