import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { CasemateError } from "@casemate/core";
import {
  type CommandResult,
  encodeCommand,
  encodeProbe,
  parseProbe,
  parseResult,
} from "./console-protocol.ts";

/** How much a guest may say before the answer; characters. */
const limit = 16 * 1024 * 1024;

/**
 * The root shell that a lab guest keeps on its second serial line, behind a Unix socket of QEMU's.
 *
 * It is the tests' oracle: what the guest says about itself. QEMU serves one client at a time.
 */
export class GuestConsole implements AsyncDisposable {
  readonly #socket: Socket;
  readonly #path: string;
  #said = "";
  #commands = 0;
  #probes = 0;
  /** Settles when the command before ended: the shell takes one at a time. */
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(socket: Socket, path: string) {
    this.#socket = socket;
    this.#path = path;
    socket.on("error", () => {}); // What waits sees that the socket closed.
    socket.setEncoding("utf8").on("data", (text: string) => {
      this.#said += text;
      if (this.#said.length > limit) socket.destroy();
    });
  }

  /** Connects, waiting for the socket to appear. Throws `cancelled` when the signal fires. */
  static async open(path: string, signal?: AbortSignal): Promise<GuestConsole> {
    for (;;) {
      const socket = connect(path);
      try {
        await once(socket, "connect", signal === undefined ? {} : { signal });
        return new GuestConsole(socket, path);
      } catch (cause) {
        socket.destroy();
        if (signal?.aborted === true) throw cancelled(path, cause);
        await sleep(100);
      }
    }
  }

  /** Waits until the guest is so far up that its shell answers. */
  async waitUntilReady(signal?: AbortSignal): Promise<void> {
    for (;;) {
      this.#probes += 1;
      this.#socket.write(encodeProbe(this.#probes));
      const answered = () => parseProbe(this.#said);
      if ((await this.#waitFor(answered, signal, 500)) !== undefined) return;
    }
  }

  /**
   * Runs a shell command in the guest as root, with empty standard input.
   *
   * Throws `vm/gone` when the guest ends meanwhile and `cancelled` when the signal fires; the command
   * may then still run in the guest, and the next one waits for its end.
   */
  async run(command: string, signal?: AbortSignal): Promise<CommandResult> {
    const before = this.#turn;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#turn = promise;
    await before;
    try {
      this.#commands += 1;
      const id = `${process.pid}-${this.#commands}`;
      this.#said = "";
      this.#socket.write(encodeCommand(id, command));
      const result = await this.#waitFor(() => parseResult(id, this.#said), signal);
      if (result === undefined) throw cancelled(this.#path, undefined);
      return result;
    } finally {
      resolve();
    }
  }

  /** Like `run`, for a command that must succeed: its output. Throws `lab/build-failed` when it fails. */
  async output(command: string, signal?: AbortSignal): Promise<string> {
    const { output, exitCode } = await this.run(command, signal);
    if (exitCode === 0) return output;
    const said = output.trim().split("\n").at(-1) ?? "";
    throw new CasemateError(
      "lab/build-failed",
      `Cannot run "${command}" in the guest: it ended with ${exitCode} and said "${said}", expected 0.`,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#socket.closed) return;
    this.#socket.destroy();
    await once(this.#socket, "close");
  }

  /** The first value that `read` finds, looking whenever the guest says something; `undefined` after `wait` ms. */
  async #waitFor<T>(
    read: () => T | undefined,
    signal?: AbortSignal,
    wait?: number,
  ): Promise<T | undefined> {
    const end = wait === undefined ? undefined : AbortSignal.timeout(wait);
    const signals = [signal, end].filter((one) => one !== undefined);
    for (;;) {
      const found = read();
      if (found !== undefined) return found;
      if (this.#socket.destroyed) {
        throw new CasemateError(
          "vm/gone",
          `Cannot read the guest's console ${this.#path}: it closed, expected an answer.`,
        );
      }
      const stop = new AbortController();
      try {
        const options = { signal: AbortSignal.any([...signals, stop.signal]) };
        await Promise.race([
          once(this.#socket, "data", options),
          once(this.#socket, "close", options),
        ]);
      } catch (cause) {
        if (signal?.aborted === true) throw cancelled(this.#path, cause);
        if (end?.aborted === true) return undefined;
        throw cause;
      } finally {
        stop.abort();
      }
    }
  }
}

function cancelled(path: string, cause: unknown): CasemateError {
  return new CasemateError("cancelled", `Cannot wait for the guest's console ${path}: cancelled.`, {
    cause,
  });
}
