import { closeSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CasemateError } from "@casemate/core";
import { bind, connect, lastError, listen, socket, socketpair } from "../../memory/libc.ts";

const AF_UNIX = 1;
/** SOCK_STREAM, SOCK_NONBLOCK, SOCK_CLOEXEC. */
const STREAM = 1 | 0o4000 | 0o2000000;
/** `struct sockaddr_un`: a family of two bytes, then the path. */
const ADDRESS_BYTES = 110;

/** Both ends of a connection that nobody else can reach; the caller owns the descriptors. */
export interface SocketEnds {
  readonly ours: number;
  readonly theirs: number;
}

/** A connected pair of local stream sockets. */
export function openStreamPair(): SocketEnds {
  const pair = Buffer.alloc(8);
  if (socketpair(AF_UNIX, STREAM, 0, pair) !== 0) throw failed("open a pair of sockets");
  return { ours: pair.readInt32LE(0), theirs: pair.readInt32LE(4) };
}

/**
 * A listening socket, `theirs`, and a connection that waits there to be accepted. Its name is gone before
 * anybody else can connect to it.
 */
export function openListeningPair(): SocketEnds {
  const directory = mkdtempSync(join(tmpdir(), "casemate-nbd-"));
  const address = Buffer.alloc(ADDRESS_BYTES);
  address.writeUInt16LE(AF_UNIX, 0);
  address.write(join(directory, "socket"), 2, ADDRESS_BYTES - 3);
  const theirs = socket(AF_UNIX, STREAM, 0);
  const ours = socket(AF_UNIX, STREAM, 0);
  try {
    const isConnected =
      bind(theirs, address, ADDRESS_BYTES) === 0 &&
      listen(theirs, 1) === 0 &&
      connect(ours, address, ADDRESS_BYTES) === 0;
    if (isConnected) return { ours, theirs };
    const error = failed("connect a socket");
    for (const fd of [ours, theirs]) if (fd >= 0) closeSync(fd);
    throw error;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function failed(verb: string): CasemateError {
  return new CasemateError("internal", `Cannot ${verb}: ${lastError()}, expected a local socket.`);
}
