import koffi from "koffi";
import { callFailed } from "./calls/call.ts";
import type { LibvirtFailure } from "./libvirt-error.ts";
import { type Address, libvirt, type VirConnect, type VirStream } from "./prototypes.ts";

/** Hears what streams bring, by their numbers; `failure` where one broke with its connection. */
interface StreamTeller {
  data(number: number, bytes: Uint8Array): void;
  ended(number: number, failure: LibvirtFailure | undefined): void;
}

/** VIR_STREAM_EVENT_READABLE, _ERROR and _HANGUP. */
const events = (1 << 0) | (1 << 2) | (1 << 3);

/** Bytes that are taken at once, and how often before libvirt's loop turns again. */
const limits = { piece: 64 * 1024, pieces: 16 };

/**
 * The streams that libvirt's event loop watches, for the thread that runs it: libvirt calls back there.
 *
 * What has come is taken at once: libvirt's own queue of it has no bound.
 */
export class WatchedStreams {
  readonly #lib = libvirt();
  readonly #tell: StreamTeller;
  readonly #streams = new Map<number, { readonly conn: VirConnect; readonly stream: VirStream }>();
  readonly #ended = new Set<number>();
  readonly #piece = Buffer.alloc(limits.piece);
  readonly #callback: Address;

  constructor(tell: StreamTeller) {
    this.#tell = tell;
    const prototype = koffi.proto("void streamEvent(void *stream, int events, void *opaque)");
    const callback = (_stream: bigint, _events: number, opaque: bigint) =>
      this.#read(Number(opaque));
    this.#callback = koffi.register(callback, koffi.pointer(prototype)) as Address; // the address of a C function
  }

  watch(number: number, conn: VirConnect, stream: VirStream): void {
    this.#streams.set(number, { conn, stream });
    const { virStreamEventAddCallback } = this.#lib;
    if (virStreamEventAddCallback(stream, events, this.#callback, BigInt(number), null) === 0) {
      return;
    }
    this.#streams.delete(number);
    this.#tell.ended(number, callFailed(this.#lib, "watch the console", "libvirt/failed").failure);
  }

  forget(number: number): void {
    const stream = this.#streams.get(number)?.stream;
    this.#streams.delete(number);
    this.#ended.delete(number);
    if (stream !== undefined) this.#lib.virStreamEventRemoveCallback(stream);
  }

  /** Stops watching what has ended; not to be called from a callback. */
  leaveEnded(): void {
    for (const number of this.#ended) this.forget(number);
  }

  /** Gives the C function back; nothing may be watched after it. */
  close(): void {
    for (const number of this.#streams.keys()) this.forget(number);
    koffi.unregister(this.#callback);
  }

  #read(number: number): void {
    const watched = this.#streams.get(number);
    if (watched === undefined || this.#ended.has(number)) return;
    const { conn, stream } = watched;
    for (let pieces = 0; pieces < limits.pieces; pieces += 1) {
      const got = this.#lib.virStreamRecv(stream, this.#piece, this.#piece.length);
      if (got === -2) return; // no more yet
      if (got <= 0) {
        this.#ended.add(number);
        const { failure } = callFailed(this.#lib, "read the console", "libvirt/failed", conn);
        // To libvirt it is a failure, too, when the VM ends or another takes the console.
        const lost = got < 0 && failure.code === "libvirt/unreachable";
        this.#tell.ended(number, lost ? failure : undefined);
        return;
      }
      this.#tell.data(number, Uint8Array.prototype.slice.call(this.#piece, 0, got));
    }
  }
}
