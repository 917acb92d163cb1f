import { once } from "node:events";
import { Worker } from "node:worker_threads";
import type { DomainEvent } from "./domain-event.ts";
import type { EventCallback } from "./event-callbacks.ts";
import type { EventThreadData, FromEventThread, ToEventThread } from "./event-thread.ts";
import { EventThreadOrder } from "./event-thread-order.ts";
import { libvirtFailureToError } from "./libvirt-error.ts";
import { libvirt, type VirConnect, type VirStream } from "./prototypes.ts";
import { threadOptions } from "./thread-options.ts";

/** What a watched connection wants to hear. */
export interface ConnectionListener {
  event(event: DomainEvent): void;
  /** The connection broke: the host's libvirt went away or answers no more, or `cause`. */
  lost(cause?: unknown): void;
}

/** What a watched stream brings. */
export interface StreamListener {
  data(bytes: Uint8Array): void;
  /** No more comes: its other side ended it, or it broke with `cause`. */
  ended(cause?: unknown): void;
}

/** Milliseconds that the end of the process waits for the thread; it needs a few, more while it starts. */
const leaveLimit = 2_000;

/**
 * libvirt's event loop in a thread of its own; the main thread's side of event-thread.ts.
 *
 * virEventRegisterDefaultImpl must have been called.
 */
export class EventLoop {
  /** To be registered with a connection's number as `opaque`; resolves when the thread is up. */
  readonly callbacks: Promise<readonly EventCallback[]>;
  readonly #worker: Worker;
  readonly #timer: number;
  readonly #order = new Int32Array(new SharedArrayBuffer(4));
  readonly #exited: Promise<unknown>;
  readonly #listeners = new Map<number, ConnectionListener>();
  readonly #forgetting = new Map<number, () => void>();
  readonly #streamListeners = new Map<number, StreamListener>();
  readonly #forgettingStreams = new Map<number, () => void>();
  #streams = 0;
  #holders = 0;

  constructor() {
    const lib = libvirt();
    this.#timer = lib.virEventAddTimeout(-1, lib.harmless, null, null);
    const data: EventThreadData = { timer: this.#timer, order: this.#order };
    this.#worker = new Worker(new URL("./event-thread.ts", import.meta.url), {
      ...threadOptions,
      name: "libvirt-events",
      workerData: data,
    });
    this.callbacks = this.#start();
    this.#exited = once(this.#worker, "exit");
  }

  watch(connection: number, conn: VirConnect, listener: ConnectionListener): void {
    this.#listeners.set(connection, listener);
    this.#post({ kind: "watch", connection, conn });
  }

  /** Resolves when the thread touches the connection no more, so that it may be closed. */
  forget(connection: number): Promise<void> {
    this.#listeners.delete(connection);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#forgetting.set(connection, resolve);
    this.#post({ kind: "forget", connection });
    return promise;
  }

  /** Listens to a stream from now on; answers the number to `forgetStream` it by. */
  watchStream(conn: VirConnect, stream: VirStream, listener: StreamListener): number {
    this.#streams += 1;
    const number = this.#streams;
    this.#streamListeners.set(number, listener);
    this.#post({ kind: "watch-stream", number, conn, stream });
    return number;
  }

  /** Resolves when the thread touches the stream no more, so that it may be closed. */
  forgetStream(number: number): Promise<void> {
    this.#streamListeners.delete(number);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#forgettingStreams.set(number, resolve);
    this.#post({ kind: "forget-stream", number });
    return promise;
  }

  /** Keeps the process alive until the function it returns is called. */
  hold(): () => void {
    this.#holders += 1;
    if (this.#holders === 1) this.#worker.ref();
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      this.#holders -= 1;
      if (this.#holders === 0) this.#worker.unref();
    };
  }

  /** Has the thread leave libvirt and waits, blocking, until it has; false if it did not. */
  leaveNow(): boolean {
    this.#leave();
    Atomics.wait(this.#order, 0, EventThreadOrder.leave, leaveLimit);
    return Atomics.load(this.#order, 0) === EventThreadOrder.left;
  }

  /** Ends the thread; every connection must be closed, and somebody must hold the loop. */
  async stop(): Promise<void> {
    this.#leave();
    await this.#exited;
    libvirt().virEventRemoveTimeout(this.#timer);
  }

  async #start(): Promise<readonly EventCallback[]> {
    const [ready] = (await once(this.#worker, "message")) as [FromEventThread]; // event-thread.ts's first
    this.#worker.on("message", (message: FromEventThread) => this.#hear(message));
    this.#worker.on("error", (cause) => {
      for (const listener of this.#listeners.values()) listener.lost(cause);
      for (const listener of this.#streamListeners.values()) listener.ended(cause);
    });
    // From now on only those who hold the loop keep the process alive.
    if (this.#holders === 0) this.#worker.unref();
    return ready.kind === "ready" ? ready.callbacks : [];
  }

  #leave(): void {
    // Unless it has left already.
    const { run, leave } = EventThreadOrder;
    Atomics.compareExchange(this.#order, 0, run, leave);
    this.#wake();
  }

  #post(message: ToEventThread): void {
    this.#worker.postMessage(message);
    this.#wake();
  }

  #wake(): void {
    libvirt().virEventUpdateTimeout(this.#timer, 0);
  }

  #hear(message: FromEventThread): void {
    switch (message.kind) {
      case "ready":
        return;
      case "event":
        this.#listeners.get(message.connection)?.event(message.event);
        return;
      case "lost":
        this.#listeners.get(message.connection)?.lost();
        return;
      case "forgotten":
        this.#forgetting.get(message.connection)?.();
        this.#forgetting.delete(message.connection);
        return;
      case "stream-data":
        this.#streamListeners.get(message.number)?.data(message.bytes);
        return;
      case "stream-ended":
        this.#streamListeners
          .get(message.number)
          ?.ended(message.failure && libvirtFailureToError(message.failure));
        return;
      case "stream-forgotten":
        this.#forgettingStreams.get(message.number)?.();
        this.#forgettingStreams.delete(message.number);
        return;
    }
  }
}
