import { once } from "node:events";
import { lstat, realpath } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { CasemateError } from "@casemate/core";

interface SocketUse {
  /** "open the console of web01" */
  readonly doing: string;
  readonly force: boolean;
}

/**
 * Consoles that are Unix sockets of this machine. QEMU serves one client at a time and lets the next wait
 * in silence, so who has which is kept here.
 */
export class ConsoleSockets {
  readonly #used = new Map<string, Socket>();

  /** Throws `console/in-use`, `device/unknown` where there is no socket, `cancelled`. */
  async open(path: string, { doing, force }: SocketUse, signal?: AbortSignal): Promise<Duplex> {
    await verifySocket(path, doing);
    const user = this.#used.get(path);
    if (user !== undefined && !force) {
      throw new CasemateError(
        "console/in-use",
        `Cannot ${doing}: somebody uses ${path}, expected nobody.`,
      );
    }
    user?.destroy();
    const socket = connect(path);
    this.#used.set(path, socket);
    socket.once("close", () => {
      if (this.#used.get(path) === socket) this.#used.delete(path);
    });
    try {
      await once(socket, "connect", signal === undefined ? {} : { signal });
      return socket;
    } catch (cause) {
      socket.destroy();
      const seen = cause instanceof Error ? cause.message : String(cause);
      throw new CasemateError(
        signal?.aborted === true ? "cancelled" : "device/unknown",
        `Cannot ${doing}: ${seen}, expected QEMU at ${path}.`,
        { cause },
      );
    }
  }
}

/** HOSTILE: QEMU's user may have put something else there, to be led to as root. */
async function verifySocket(path: string, doing: string): Promise<void> {
  const isItself = await realpath(path).then(
    (real) => real === path,
    () => false,
  );
  if (isItself && (await lstat(path)).isSocket()) return;
  throw new CasemateError("device/unknown", `Cannot ${doing}: ${path} is no socket, expected one.`);
}
