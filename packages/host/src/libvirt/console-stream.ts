import { Duplex } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { CasemateError, formatBytes, MiB } from "@casemate/core";
import type { StreamListener } from "./event-loop.ts";

/** What a console's stream is made of. */
export interface StreamSource {
  /** Begins to tell what comes; answers the end of it, after which the stream is closed. */
  listen(listener: StreamListener): () => Promise<void>;
  /** How many of the bytes were taken. */
  send(bytes: Uint8Array): Promise<number>;
}

const limits = {
  /** The most that libvirt takes in one message is 256 KiB less its header. */
  piece: 64 * 1024,
  /** How much may wait for a slow reader. */
  backlog: 8 * MiB,
  /** Milliseconds before what was not taken is offered again. */
  again: 20,
};

/**
 * A console's bytes both ways. It ends when the other side does; destroying it lets go.
 *
 * A writer waits for libvirt. A guest cannot be made to wait for the reader, for libvirt reads on: one that
 * falls 8 MiB behind gets `console/overrun`, never a gap.
 */
export class ConsoleStream extends Duplex {
  readonly #source: StreamSource;
  readonly #end: () => Promise<void>;
  /** HOSTILE: the guest's. */
  #backlog: Uint8Array[] = [];
  #waiting = 0;
  #ended = false;
  #wanted = false;

  constructor(source: StreamSource) {
    super({ allowHalfOpen: false });
    this.#source = source;
    this.#end = source.listen({
      data: (bytes) => this.#take(bytes),
      ended: (cause) => {
        if (cause !== undefined) return void this.destroy(asError(cause));
        this.#ended = true;
        this.#give();
      },
    });
  }

  override _read(): void {
    this.#wanted = true;
    this.#give();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error) => void): void {
    this.#send(chunk).then(() => done(), done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#backlog = [];
    this.#end().then(
      () => done(error),
      (failed) => done(error ?? asError(failed)),
    );
  }

  async #send(chunk: Buffer): Promise<void> {
    for (let rest = chunk; rest.length > 0 && !this.destroyed; ) {
      const taken = await this.#source.send(rest.subarray(0, limits.piece));
      rest = rest.subarray(taken);
      if (taken === 0) await sleep(limits.again);
    }
  }

  #take(bytes: Uint8Array): void {
    this.#backlog.push(bytes);
    this.#waiting += bytes.length;
    this.#give();
    if (this.#waiting <= limits.backlog) return;
    this.destroy(
      new CasemateError(
        "console/overrun",
        `Cannot keep what the console says: ${formatBytes(this.#waiting)} wait to be read, expected a reader that keeps up.`,
      ),
    );
  }

  #give(): void {
    while (this.#wanted) {
      const bytes = this.#backlog.shift();
      if (bytes === undefined) break;
      this.#waiting -= bytes.length;
      this.#wanted = this.push(bytes);
    }
    if (this.#ended && this.#backlog.length === 0) this.push(null);
  }
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
