import { CasemateError } from "@casemate/core";

/** How many events may wait for a slow reader before the stream fails rather than drop one in silence. */
const backlogLimit = 10_000;

/**
 * A stream of events for one reader: `for await (const event of stream)`.
 *
 * Events that come before they are read wait; leaving the loop or disposing ends the stream.
 */
export class EventStream<T> implements AsyncIterableIterator<T>, Disposable {
  readonly #backlog: T[] = [];
  readonly #onEnd: () => void;
  #waiting: PromiseWithResolvers<IteratorResult<T>> | undefined;
  #ended = false;
  #cause: unknown;

  /** @param onEnd tells the source, once, that nobody reads any more. */
  constructor(onEnd: () => void = () => {}) {
    this.#onEnd = onEnd;
  }

  push(event: T): void {
    if (this.#ended) return;
    if (this.#waiting !== undefined) {
      this.#waiting.resolve({ done: false, value: event });
      this.#waiting = undefined;
    } else if (this.#backlog.length < backlogLimit) this.#backlog.push(event);
    else {
      this.end(
        new CasemateError(
          "libvirt/failed",
          `Cannot keep an event: ${backlogLimit} are waiting, expected them to be read as they come.`,
          { next: "Watch and list again: what happened since then is not known." },
        ),
      );
    }
  }

  /** Ends the stream after what is waiting; with a cause, the reader then gets it thrown. */
  end(cause?: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#cause = cause;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting !== undefined) {
      if (cause === undefined) waiting.resolve({ done: true, value: undefined });
      else waiting.reject(this.#takeCause());
    }
    this.#onEnd();
  }

  next(): Promise<IteratorResult<T>> {
    if (this.#backlog.length > 0) {
      // The length says that there is one, and `T` itself may be undefined.
      return Promise.resolve({ done: false, value: this.#backlog.shift() as T });
    }
    if (this.#cause !== undefined) return Promise.reject(this.#takeCause());
    if (this.#ended) return Promise.resolve({ done: true, value: undefined });
    this.#waiting ??= Promise.withResolvers<IteratorResult<T>>();
    return this.#waiting.promise;
  }

  return(): Promise<IteratorResult<T>> {
    this.#backlog.length = 0;
    this.end();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  [Symbol.dispose](): void {
    this.#backlog.length = 0;
    this.end();
  }

  #takeCause(): unknown {
    const cause = this.#cause;
    this.#cause = undefined;
    return cause;
  }
}
