import { setTimeout as sleep } from "node:timers/promises";
import { CasemateError, toCasemateError } from "@casemate/core";
import { backOff } from "./back-off.ts";
import type { ConnectionInfo } from "./calls/connection-calls.ts";
import type { Domain } from "./domain.ts";
import type { DomainEvent } from "./domain-event.ts";
import { EventStream } from "./event-stream.ts";
import { LibvirtConnection } from "./libvirt-connection.ts";
import type { OpenOptions } from "./open-connection.ts";

/** Milliseconds after which `start` does not wait for a libvirt that hangs. */
const firstAttemptPatience = 10_000;

export type LibvirtHostState =
  | { readonly kind: "idle" }
  | { readonly kind: "connecting" }
  | { readonly kind: "connected"; readonly info: ConnectionInfo }
  | { readonly kind: "disconnected"; readonly cause: CasemateError; readonly retryAt: Date }
  | { readonly kind: "stopped" };

/** What happens to the host and to its VMs, in order. */
export type LibvirtHostEvent =
  | { readonly kind: "connected"; readonly info: ConnectionInfo }
  /** All VMs as they are now: what happened while nobody was connected has no events of its own. */
  | { readonly kind: "inventory"; readonly domains: readonly Domain[] }
  | { readonly kind: "disconnected"; readonly cause: CasemateError }
  | DomainEvent;

/**
 * A host that stays connected: it comes back, with back-off, whenever its libvirt restarts, crashes or
 * hangs, and then says anew which VMs are there. The VMs themselves never notice.
 */
export class LibvirtHost implements AsyncDisposable {
  readonly uri: string;
  readonly #options: OpenOptions;
  readonly #stop = new AbortController();
  readonly #streams = new Set<EventStream<LibvirtHostEvent>>();
  #state: LibvirtHostState = { kind: "idle" };
  #connection: LibvirtConnection | undefined;
  #running: Promise<void> | undefined;

  constructor(uri: string, options: OpenOptions = {}) {
    this.uri = uri;
    this.#options = options;
  }

  get state(): LibvirtHostState {
    return this.#state;
  }

  /**
   * Begins to connect and to reconnect, until disposed or the signal aborts. Resolves once the first
   * attempt is over, or after 10 s of it; `state` says how it went.
   */
  async start(signal?: AbortSignal): Promise<void> {
    if (this.#running !== undefined) return;
    const { promise: attempted, resolve } = Promise.withResolvers<void>();
    const stop = AbortSignal.any([this.#stop.signal, ...(signal === undefined ? [] : [signal])]);
    this.#running = this.#run(stop, resolve);
    const patience = setTimeout(resolve, firstAttemptPatience);
    await attempted;
    clearTimeout(patience);
  }

  /**
   * What `use` makes of the connection there is. Throws `libvirt/unreachable` while there is none, at
   * once: whether to wait or to repeat is the caller's decision.
   */
  async withConnection<T>(use: (connection: LibvirtConnection) => Promise<T>): Promise<T> {
    if (this.#connection === undefined) {
      const { state } = this;
      throw new CasemateError(
        "libvirt/unreachable",
        `Cannot reach ${this.uri}: the host is ${state.kind}, expected a connection.`,
        state.kind === "disconnected" ? { cause: state.cause } : {},
      );
    }
    return use(this.#connection);
  }

  /** Events from now on, for one reader. The stream ends when the host is stopped. */
  events(): EventStream<LibvirtHostEvent> {
    const stream = new EventStream<LibvirtHostEvent>(() => this.#streams.delete(stream));
    if (this.#state.kind === "stopped") stream.end();
    else this.#streams.add(stream);
    return stream;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#running;
    this.#state = { kind: "stopped" };
    for (const stream of this.#streams) stream.end();
  }

  #tell(event: LibvirtHostEvent): void {
    for (const stream of this.#streams) stream.push(event);
  }

  async #run(stop: AbortSignal, attempted: () => void): Promise<void> {
    for (let attempt = 0; !stop.aborted; attempt += 1) {
      this.#state = { kind: "connecting" };
      const cause = await this.#live(stop, () => {
        attempt = 0;
        attempted();
      });
      if (stop.aborted) break;
      const wait = backOff(attempt);
      this.#state = { kind: "disconnected", cause, retryAt: new Date(Date.now() + wait) };
      this.#tell({ kind: "disconnected", cause });
      attempted();
      // Only the signal ends the wait early, and the loop asks for it.
      await sleep(wait, undefined, { signal: stop }).catch(() => {});
    }
    this.#state = { kind: "stopped" };
    for (const stream of this.#streams) stream.end();
    attempted();
  }

  /** One connection, from its opening to its loss; answers why it ended. */
  async #live(stop: AbortSignal, connected: () => void): Promise<CasemateError> {
    try {
      await using connection = await LibvirtConnection.open(this.uri, this.#options, stop);
      // Watched before listed, so that nothing falls between; told after, so that it makes sense.
      const events = await connection.watch(stop);
      const domains = await connection.listDomains(stop);
      const { info } = connection;
      this.#connection = connection;
      this.#state = { kind: "connected", info };
      this.#tell({ kind: "connected", info });
      this.#tell({ kind: "inventory", domains });
      connected();
      const end = (): void => events.end();
      stop.addEventListener("abort", end, { once: true });
      try {
        for await (const event of events) this.#tell(event);
      } finally {
        stop.removeEventListener("abort", end);
        this.#connection = undefined;
      }
      return toCasemateError(stop.reason);
    } catch (thrown) {
      return toCasemateError(thrown);
    }
  }
}
