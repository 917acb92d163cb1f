import { readSync, writeSync } from "node:fs";
import { poll } from "../../memory/libc.ts";
import { nbdError } from "./nbd-error.ts";

/** poll(2). */
export const POLLIN = 1;
export const POLLOUT = 4;
const POLLFD_BYTES = 8; // struct pollfd: int fd, short events, short revents

/** Blocks until a descriptor can be read or written, or throws. */
export type Wait = (fd: number, events: number) => void;

/** Which of the descriptors can be read, written, or are at their end, by `until` (performance.now()). */
export function pollUntil(
  wanted: readonly (readonly [fd: number, events: number])[],
  until: number,
): ReadonlySet<number> {
  const descriptors = Buffer.alloc(POLLFD_BYTES * wanted.length);
  for (const [i, [fd, events]] of wanted.entries()) {
    descriptors.writeInt32LE(fd, i * POLLFD_BYTES);
    descriptors.writeInt16LE(events, i * POLLFD_BYTES + 4);
  }
  for (;;) {
    const left = Math.ceil(until - performance.now());
    const count = left <= 0 ? 0 : poll(descriptors, wanted.length, left);
    if (count === 0) {
      const seen = "qemu-storage-daemon did not answer in time";
      throw nbdError("disk/unreadable", "read a disk image", { seen, needed: "its answer" });
    }
    // Fewer than none: a signal came, and it goes on to wait.
    if (count < 0) continue;
    return new Set(
      wanted.flatMap(([fd], i) => (descriptors.readInt16LE(i * POLLFD_BYTES + 6) ? [fd] : [])),
    );
  }
}

/**
 * Whole messages over a socket that does not block, one after another in this thread.
 *
 * Node reads and writes sockets in its event loop only; a `BlockReader` is synchronous. read(2) and write(2)
 * serve sockets as they do files.
 */
export class SocketChannel {
  readonly fd: number;

  /** @param fd non-blocking; it stays the caller's. */
  constructor(fd: number) {
    this.fd = fd;
  }

  /** Fills `target`. Throws `disk/unreadable` where the other side hangs up, and what `wait` throws. */
  receive(target: Uint8Array, wait: Wait): void {
    this.#transfer(target.length, POLLIN, wait, (done) =>
      readSync(this.fd, target, done, target.length - done, null),
    );
  }

  send(bytes: Uint8Array, wait: Wait): void {
    this.#transfer(bytes.length, POLLOUT, wait, (done) =>
      writeSync(this.fd, bytes, done, bytes.length - done, null),
    );
  }

  #transfer(length: number, events: number, wait: Wait, move: (done: number) => number): void {
    for (let done = 0; done < length; ) {
      try {
        const count = move(done);
        if (count === 0) throw hungUp("it hung up");
        done += count;
      } catch (error) {
        const code = error instanceof Error && "code" in error ? error.code : undefined;
        if (code === "EAGAIN") wait(this.fd, events);
        else if (code === "EPIPE" || code === "ECONNRESET") throw hungUp(code);
        else throw error;
      }
    }
  }
}

function hungUp(seen: string) {
  return nbdError("disk/unreadable", "talk to qemu-storage-daemon", { seen, needed: "its answer" });
}
