import { closeSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { connect, getsockopt, lastError, socket } from "../../memory/libc.ts";
import { nbdError } from "./nbd-error.ts";

const AF_UNIX = 1;
/** SOCK_STREAM, SOCK_NONBLOCK, SOCK_CLOEXEC. */
const STREAM = 1 | 0o4000 | 0o2000000;
/** `struct sockaddr_un`: a family of two bytes, then the path and a zero byte. */
const ADDRESS_BYTES = 110;
const SOL_SOCKET = 1;
const SO_PEERCRED = 17;
/** How often a server whose queue is full is asked again, and after how many milliseconds. */
const TRIES = 100;
const BETWEEN_MS = 20;

/**
 * A connection to the NBD server of process `pid` at `path`; it does not block, and is the caller's.
 *
 * HOSTILE: a QEMU that its guest broke out of may have put another socket there: who listens is verified.
 * Throws `disk/unreadable`.
 */
export async function connectSocket(
  path: string,
  pid: number,
  signal?: AbortSignal,
): Promise<number> {
  const address = Buffer.alloc(ADDRESS_BYTES);
  if (address.length - 3 < Buffer.byteLength(path)) throw failed(path, "a path of that length");
  address.writeUInt16LE(AF_UNIX, 0);
  address.write(path, 2);
  const fd = socket(AF_UNIX, STREAM, 0);
  if (fd < 0) throw failed(path, lastError());
  try {
    for (let tries = 1; connect(fd, address, ADDRESS_BYTES) !== 0; tries += 1) {
      const error = lastError();
      if (error !== "EAGAIN" || tries === TRIES) throw failed(path, error);
      await sleep(BETWEEN_MS, undefined, { signal });
    }
    verifyPeer(fd, path, pid);
    return fd;
  } catch (thrown) {
    closeSync(fd);
    throw thrown;
  }
}

/** `struct ucred`: the process that listens, as this one counts them. */
function verifyPeer(fd: number, path: string, pid: number): void {
  const credentials = Buffer.alloc(12);
  const length = Buffer.alloc(4);
  length.writeInt32LE(credentials.length);
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, credentials, length) !== 0) {
    throw failed(path, lastError());
  }
  const peer = credentials.readInt32LE(0);
  if (peer !== pid) throw failed(path, `process ${peer} listens there`, `process ${pid}`);
}

function failed(path: string, seen: string, needed = "QEMU's NBD server") {
  return nbdError("disk/unreadable", `connect to ${path}`, { seen, needed });
}
