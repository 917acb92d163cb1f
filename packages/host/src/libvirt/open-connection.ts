import { CasemateError } from "@casemate/core";
import type { CallRequest } from "./call-thread.ts";
import type { CallArguments, CallResult, Calls } from "./calls/calls.ts";
import type { ConnectionInfo, KeepAlive, RegisteredCallback } from "./calls/connection-calls.ts";
import { ConsoleStream } from "./console-stream.ts";
import type { DomainEvent } from "./domain-event.ts";
import { EventStream } from "./event-stream.ts";
import type { LibvirtFlags } from "./flags.ts";
import {
  acquireLibvirtThreads,
  type LibvirtThreads,
  releaseLibvirtThreads,
} from "./libvirt-threads.ts";
import type { VirConnect } from "./prototypes.ts";

export interface OpenOptions {
  /** libvirt then refuses every change (`libvirt/not-permitted`), and the monitor with it. */
  readonly readOnly?: boolean;
  readonly keepAlive?: KeepAlive;
}

/** Five unanswered seconds twice: a host that hangs is found out within 15 s. */
const defaultKeepAlive: KeepAlive = { interval: 5, count: 2 };

let connections = 0;

function cancelled(doing: string, signal: AbortSignal): CasemateError {
  return new CasemateError(
    "cancelled",
    `Cannot wait for libvirt to ${doing}: it was cancelled, expected an answer first.`,
    { cause: signal.reason },
  );
}

/** The promise's outcome, or `cancelled` as soon as the signal says so; what runs, runs on. */
async function orCancelled<T>(
  doing: string,
  promise: Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  if (signal === undefined) return promise;
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = (): void => reject(cancelled(doing, signal));
  if (signal.aborted) abort();
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

/** What a LibvirtConnection rests on: libvirt's handle, its calls and events, and its end. */
export class OpenConnection {
  readonly info: ConnectionInfo;
  readonly #number: number;
  readonly #conn: VirConnect;
  readonly #threads: LibvirtThreads;
  readonly #letGo: () => void;
  readonly #lost = new AbortController();
  readonly #streams = new Set<EventStream<DomainEvent>>();
  readonly #consoles = new Set<ConsoleStream>();
  readonly #underWay = new Set<Promise<unknown>>();
  #registered: Promise<readonly RegisteredCallback[]> | undefined;
  #closed: Promise<void> | undefined;

  /** @param letGo ends this connection's hold on the event loop. */
  private constructor(
    threads: LibvirtThreads,
    letGo: () => void,
    conn: VirConnect,
    info: ConnectionInfo,
  ) {
    connections += 1;
    this.#number = connections;
    this.#threads = threads;
    this.#letGo = letGo;
    this.#conn = conn;
    this.info = info;
    threads.events.watch(this.#number, conn, {
      event: (event) => {
        for (const stream of this.#streams) stream.push(event);
      },
      lost: (cause) => this.#lose(cause),
    });
  }

  /**
   * Opens `uri` (`qemu:///system`, `qemu+ssh://host/system`, `test:///default`, …). It asks for no
   * passwords. Throws `libvirt/missing`, `libvirt/unreachable`, `libvirt/not-permitted`, `cancelled`.
   */
  static async open(
    uri: string,
    options: OpenOptions = {},
    signal?: AbortSignal,
  ): Promise<OpenConnection> {
    const { readOnly = false, keepAlive = defaultKeepAlive } = options;
    const doing = `connect to ${uri}`;
    if (signal?.aborted) throw cancelled(doing, signal);
    let letGo = (): void => {};
    const opening = (async () => {
      const threads = await acquireLibvirtThreads();
      try {
        if (signal?.aborted) throw cancelled(doing, signal);
        letGo = threads.events.hold();
        const request: CallRequest = { kind: "open", uri, readOnly, keepAlive };
        const opened = await threads.calls.run(request);
        const { conn, info } = opened as { conn: VirConnect; info: ConnectionInfo }; // openConnection's
        return new OpenConnection(threads, letGo, conn, info);
      } catch (thrown) {
        letGo();
        await releaseLibvirtThreads();
        throw thrown;
      }
    })();
    try {
      return await orCancelled(doing, opening, signal);
    } catch (thrown) {
      // Cancelled while libvirt still tries, for ever if the host hangs: that must not keep the process
      // alive. What is opened in the end is closed; a failure is nobody's.
      letGo();
      opening.then(
        (late) => late.close(),
        () => {},
      );
      throw thrown;
    }
  }

  /** Aborted, with a `libvirt/unreachable`, when the host's libvirt goes away or answers no more. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /**
   * The VMs' events from now on, for one reader; they arrive within milliseconds. The stream ends when the
   * connection is closed and throws when it is lost.
   */
  async watch(signal?: AbortSignal): Promise<EventStream<DomainEvent>> {
    this.#registered ??= this.#threads.events.callbacks.then((callbacks) =>
      this.call("registerEvents", [this.#number, callbacks]),
    );
    const stream = new EventStream<DomainEvent>(() => this.#streams.delete(stream));
    this.#streams.add(stream);
    try {
      await orCancelled("watch the VMs", this.#registered, signal);
    } catch (thrown) {
      stream.end();
      throw thrown;
    }
    if (this.lost.aborted) stream.end(this.lost.reason);
    return stream;
  }

  /** The kinds of events that the host's driver has; complete once `watch` has resolved. */
  async eventKinds(): Promise<ReadonlySet<DomainEvent["kind"]>> {
    return new Set((await this.#registered)?.map(({ kind }) => kind));
  }

  /** libvirt's answer to one of `calls`. */
  call<K extends keyof Calls>(
    name: K,
    args: CallArguments<K>,
    signal?: AbortSignal,
  ): Promise<CallResult<K>> {
    const doing = `answer ${name}`;
    if (signal?.aborted) return Promise.reject(cancelled(doing, signal));
    if (this.lost.aborted) return Promise.reject(this.lost.reason);
    if (this.#closed !== undefined) {
      return Promise.reject(
        new CasemateError(
          "libvirt/unreachable",
          `Cannot have libvirt ${doing}: the connection is closed, expected an open one.`,
        ),
      );
    }
    return orCancelled(doing, this.#run(name, args, signal), signal);
  }

  /** The call, even while the connection closes. */
  #run<K extends keyof Calls>(
    name: K,
    args: CallArguments<K>,
    signal?: AbortSignal,
  ): Promise<CallResult<K>> {
    const running = this.#threads.calls.run({ kind: "call", name, conn: this.#conn, args }, signal);
    this.#underWay.add(running);
    const done = (): void => void this.#underWay.delete(running);
    running.then(done, done);
    return running as Promise<CallResult<K>>; // the thread ran this very call with these very arguments
  }

  /** A VM's console; what of it is open when the connection closes ends with it. */
  async openConsole(
    uuid: string,
    device: string | undefined,
    flags: LibvirtFlags<"console">,
    signal?: AbortSignal,
  ): Promise<ConsoleStream> {
    const opening = this.call("openConsole", [uuid, device ?? null, flags]);
    const stream = await orCancelled("open the console", opening, signal).catch((thrown) => {
      // Cancelled while libvirt still tries: what it opens in the end is closed.
      opening.then(
        (late) => this.#run("closeStream", [late]),
        () => {},
      );
      throw thrown;
    });
    const { events } = this.#threads;
    const opened = new ConsoleStream({
      send: (bytes) => this.call("sendStream", [stream, bytes]),
      listen: (listener) => {
        const number = events.watchStream(this.#conn, stream, listener);
        return async () => {
          await events.forgetStream(number);
          await this.#run("closeStream", [stream]);
        };
      },
    });
    this.#consoles.add(opened);
    opened.once("close", () => this.#consoles.delete(opened));
    return opened;
  }

  /** A call that libvirt can end early: cancelling asks it to, and waits until it has. */
  async job<K extends "save" | "managedSave" | "coreDump" | "createSnapshot">(
    uuid: string,
    name: K,
    args: CallArguments<K>,
    signal?: AbortSignal,
  ): Promise<CallResult<K>> {
    if (signal?.aborted) throw cancelled(name, signal);
    // Refused when the job is over or has not begun; its own outcome then tells.
    const abort = (): void => void this.call("abortJob", [uuid]).catch(() => {});
    signal?.addEventListener("abort", abort, { once: true });
    try {
      return await this.call(name, args);
    } catch (thrown) {
      throw signal?.aborted ? cancelled(name, signal) : thrown;
    } finally {
      signal?.removeEventListener("abort", abort);
    }
  }

  /** Waits for the calls under way, then closes; a second call waits for the first. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    for (const stream of this.#streams) stream.end();
    await Promise.all(Array.from(this.#consoles, closed));
    await Promise.allSettled(this.#underWay);
    const registered = await this.#registered?.catch(() => []); // `watch` has told its callers
    await this.#threads.events.forget(this.#number);
    try {
      const args = [registered ?? []];
      await this.#threads.calls.run({ kind: "call", name: "close", conn: this.#conn, args });
    } finally {
      this.#letGo();
      await releaseLibvirtThreads();
    }
  }

  #lose(cause: unknown): void {
    const reason = new CasemateError(
      "libvirt/unreachable",
      `Cannot go on with ${this.info.uri}: the connection was lost, expected libvirt to stay there.`,
      { cause },
    );
    this.#lost.abort(reason);
    for (const stream of this.#streams) stream.end(reason);
    for (const console of this.#consoles) console.destroy(reason);
  }
}

/** Ends it, and resolves when nothing of it is left. */
async function closed(console: ConsoleStream): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  console.once("close", () => resolve());
  console.destroy();
  if (!console.closed) await promise;
}
