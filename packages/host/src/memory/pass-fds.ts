import { closeSync } from "node:fs";
import { CasemateError } from "@casemate/core";
import { addressOf, lastError, recvmsg, sendmsg, socketpair } from "./libc.ts";
import { isReadable } from "./pid-fd.ts";

const AF_UNIX = 1;
const SOCK_SEQPACKET = 5;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
const MSG_CTRUNC = 0x8;
const MSG_TRUNC = 0x20;
const MSG_NOSIGNAL = 0x4000;
const MSG_CMSG_CLOEXEC = 0x40000000;

/** Descriptors in one message at most: SCM_MAX_FD of the kernel. */
const MAX_FDS = 253;
/** Bytes of the text beside them at most; a sequenced packet is sent whole or not at all. */
const MAX_TEXT = 64 * 1024;

/** `struct cmsghdr` on 64-bit Linux: size_t cmsg_len, int cmsg_level, int cmsg_type, then the data. */
const CMSG_HEADER = 16;
/** `struct msghdr` on 64-bit Linux. */
const MSGHDR = { name: 0, iov: 16, iovlen: 24, control: 32, controllen: 40, flags: 48, size: 56 };

/** A connected pair of local sockets that keep message bounds; the caller owns both descriptors. */
export function openSocketPair(): readonly [number, number] {
  const pair = Buffer.alloc(8);
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) !== 0) throw failed("open");
  return [pair.readInt32LE(0), pair.readInt32LE(4)];
}

/**
 * Sends descriptors and a text over a local socket, as one message (unix(7), SCM_RIGHTS).
 *
 * The receiver gets its own copies; the sender's stay open. Throws `internal`.
 */
export function sendFds(socket: number, text: string, fds: readonly number[]): void {
  const bytes = Buffer.from(text);
  if (fds.length > MAX_FDS || bytes.length === 0 || bytes.length > MAX_TEXT) {
    throw failed("send", `${fds.length} descriptors and ${bytes.length} bytes of text`);
  }
  const control = Buffer.alloc(controlSpace(fds.length));
  control.writeBigUInt64LE(BigInt(CMSG_HEADER + 4 * fds.length), 0);
  control.writeInt32LE(SOL_SOCKET, 8);
  control.writeInt32LE(SCM_RIGHTS, 12);
  for (const [i, fd] of fds.entries()) control.writeInt32LE(fd, CMSG_HEADER + 4 * i);
  const { message, parts } = buildMessage(bytes, fds.length === 0 ? Buffer.alloc(0) : control);
  const sent = sendmsg(socket, message, MSG_NOSIGNAL);
  if (sent !== bytes.length || parts.length === 0) throw failed("send");
}

/** What `sendFds` sent; the caller owns the descriptors. */
export interface ReceivedFds {
  readonly text: string;
  readonly fds: readonly number[];
}

/**
 * Receives what `sendFds` sent; waits `timeout` milliseconds and blocks the thread so long, for
 * this is the first thing a reader process does.
 *
 * Throws `internal` when nothing came, the sender hung up, or the message is not whole.
 */
export function receiveFds(socket: number, timeout: number): ReceivedFds {
  if (!isReadable(socket, timeout)) throw failed("receive", `nothing within ${timeout} ms`);
  const bytes = Buffer.alloc(MAX_TEXT);
  const control = Buffer.alloc(controlSpace(MAX_FDS));
  const { message, parts } = buildMessage(bytes, control);
  const length = recvmsg(socket, message, MSG_CMSG_CLOEXEC);
  if (length <= 0 || parts.length === 0) {
    throw failed("receive", length === 0 ? "the sender hung up" : lastError());
  }
  const fds: number[] = [];
  const filled = Number(message.readBigUInt64LE(MSGHDR.controllen));
  if (filled >= CMSG_HEADER && control.readInt32LE(12) === SCM_RIGHTS) {
    const end = Number(control.readBigUInt64LE(0));
    for (let at = CMSG_HEADER; at + 4 <= end; at += 4) fds.push(control.readInt32LE(at));
  }
  if ((message.readInt32LE(MSGHDR.flags) & (MSG_CTRUNC | MSG_TRUNC)) !== 0) {
    for (const fd of fds) closeSync(fd);
    throw failed("receive", "a message that was cut off");
  }
  return { text: bytes.toString("utf8", 0, length), fds };
}

/** The message; it holds the addresses of `parts`, which must stay reachable while it is used. */
function buildMessage(
  bytes: Buffer,
  control: Buffer,
): { readonly message: Buffer; readonly parts: readonly Buffer[] } {
  const vector = Buffer.alloc(16); // struct iovec: void *iov_base, size_t iov_len
  vector.writeBigUInt64LE(addressOf(bytes), 0);
  vector.writeBigUInt64LE(BigInt(bytes.length), 8);
  const message = Buffer.alloc(MSGHDR.size);
  message.writeBigUInt64LE(addressOf(vector), MSGHDR.iov);
  message.writeBigUInt64LE(1n, MSGHDR.iovlen);
  if (control.length > 0) message.writeBigUInt64LE(addressOf(control), MSGHDR.control);
  message.writeBigUInt64LE(BigInt(control.length), MSGHDR.controllen);
  return { message, parts: [vector, bytes, control] };
}

/** CMSG_SPACE: header and data in whole words. */
const controlSpace = (fds: number): number => CMSG_HEADER + Math.ceil((4 * fds) / 8) * 8;

function failed(verb: string, seen: string = lastError()): CasemateError {
  return new CasemateError(
    "internal",
    `Cannot ${verb} descriptors over a local socket: ${seen}, expected one whole message.`,
  );
}
