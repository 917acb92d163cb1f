import { CasemateError } from "@casemate/core";
import type { BlockReader } from "@casemate/formats/disk";
import { NbdClient } from "./nbd-client.ts";
import { pollUntil, SocketChannel } from "./socket-channel.ts";

/** For one read, and for shaking hands: a busy host takes its time, and an image may keep QEMU busy for ever. */
const LIMIT_MS = 30_000;

/** Blocks until a descriptor can be read or written; throws after `until` (performance.now()). */
export type WaitUntil = (fd: number, events: number, until: number) => void;

const pollAlone: WaitUntil = (fd, events, until) => void pollUntil([[fd, events]], until);

/** The disk that an NBD server exports over a connected socket, which stays the caller's. */
export class NbdDisk implements BlockReader {
  readonly size: number;
  readonly #client: NbdClient;
  #until = performance.now() + LIMIT_MS;
  #failure: unknown;

  /**
   * Throws `disk/unreadable`.
   *
   * @param fd does not block.
   * @param name of the export.
   * @param wait for who has something to do meanwhile.
   */
  constructor(fd: number, name: string, wait: WaitUntil = pollAlone) {
    this.#client = new NbdClient(new SocketChannel(fd), name, (socket, events) => {
      wait(socket, events, this.#until);
    });
    this.size = this.#client.size;
  }

  read(offset: number, target: Uint8Array): void {
    // After a failure, what comes next over the socket answers something else.
    if (this.#failure !== undefined) throw this.#failure;
    this.#until = performance.now() + LIMIT_MS;
    try {
      this.#client.read(offset, target);
    } catch (error) {
      const isAnswer = error instanceof CasemateError && error.code !== "disk/unreadable";
      if (!isAnswer) this.#failure = error;
      throw error;
    }
  }
}
