import { CasemateError } from "@casemate/core";
import { lastError, pidfdOpen, poll } from "./libc.ts";

const POLLIN = 1;

/**
 * A descriptor that stands for one process and never for another that got its number later.
 *
 * Throws `vm/gone` when no such process runs.
 */
export function openPidFd(pid: number): number {
  const fd = pidfdOpen(pid);
  if (fd >= 0) return fd;
  throw new CasemateError(
    "vm/gone",
    `Cannot watch QEMU process ${pid}: pidfd_open said ${lastError()}, expected a running process.`,
  );
}

/** Whether the process behind a pidfd still runs; a zombie does not. */
export function isRunning(pidFd: number): boolean {
  return !isReadable(pidFd, 0);
}

/** Whether a descriptor has something to read within `timeout` milliseconds; blocks so long. */
export function isReadable(fd: number, timeout: number): boolean {
  const descriptor = Buffer.alloc(8); // struct pollfd: int fd, short events, short revents
  descriptor.writeInt32LE(fd, 0);
  descriptor.writeInt16LE(POLLIN, 4);
  return poll(descriptor, 1, timeout) > 0;
}
