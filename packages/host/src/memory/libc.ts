import { getSystemErrorName } from "node:util";
import koffi from "koffi";

/**
 * The calls of the C library that Node has no name for: prototypes as in the man pages, once, here.
 *
 * Addresses are numbers: Linux gives a process at most 47 bits unless it asks for more.
 */

const library = koffi.load("libc.so.6");

type Call<Arguments extends readonly unknown[]> = (...values: Arguments) => number;

// koffi types what it loads as a function of anything; each prototype below is its real type.
const call = <Arguments extends readonly unknown[]>(prototype: string) =>
  library.func(prototype) as unknown as Call<Arguments>; // the prototype string says the same

/** mmap(2), with the address as a number. */
export const mmap = call<
  [address: number, length: number, protection: number, flags: number, fd: number, offset: number]
>("uintptr_t mmap(uintptr_t addr, size_t length, int prot, int flags, int fd, int64_t offset)");

/** munmap(2). */
export const munmap = call<[address: number, length: number]>(
  "int munmap(uintptr_t addr, size_t length)",
);

/** lseek(2), for SEEK_DATA and SEEK_HOLE. */
export const lseek = call<[fd: number, offset: number, whence: number]>(
  "int64_t lseek(int fd, int64_t offset, int whence)",
);

/** fcntl(2) for commands that take no argument, such as F_GET_SEALS. */
export const fcntl = call<[fd: number, command: number]>("int fcntl(int fd, int cmd)");

/** flock(2). */
export const flock = call<[fd: number, operation: number]>("int flock(int fd, int operation)");

/** ioctl(2) for requests that take no argument, such as KVM_GET_API_VERSION. */
export const ioctl = call<[fd: number, request: number, argument: number]>(
  "int ioctl(int fd, ulong request, ulong argument)",
);

/** pidfd_open(2) by its system call number, as `pidfdGetfd`: glibc has had wrappers only since 2.36. */
export const pidfdOpen = (pid: number): number => syscall(434, pid, 0, 0);
/** pidfd_getfd(2): a copy of another process's descriptor. */
export const pidfdGetfd = (pidFd: number, fd: number): number => syscall(438, pidFd, fd, 0);
const syscall = call<[number: number, a: number, b: number, c: number]>(
  "long syscall(long number, long a, long b, long c)",
);

/** poll(2) on `struct pollfd[]` in a buffer. */
export const poll = call<[descriptors: Buffer, count: number, timeout: number]>(
  "int poll(_Inout_ uint8_t *fds, ulong nfds, int timeout)",
);

/** socketpair(2); the two descriptors land in the buffer. */
export const socketpair = call<[domain: number, type: number, protocol: number, pair: Buffer]>(
  "int socketpair(int domain, int type, int protocol, _Out_ uint8_t *sv)",
);

/** socket(2). */
export const socket = call<[domain: number, type: number, protocol: number]>(
  "int socket(int domain, int type, int protocol)",
);

/** bind(2) to a `struct sockaddr` in a buffer. */
export const bind = call<[fd: number, address: Buffer, length: number]>(
  "int bind(int fd, uint8_t *addr, uint len)",
);

/** listen(2). */
export const listen = call<[fd: number, backlog: number]>("int listen(int fd, int backlog)");

/** connect(2) to a `struct sockaddr` in a buffer. */
export const connect = call<[fd: number, address: Buffer, length: number]>(
  "int connect(int fd, uint8_t *addr, uint len)",
);

/** getsockopt(2); the value and its length land in the buffers. */
export const getsockopt = call<
  [fd: number, level: number, option: number, value: Buffer, length: Buffer]
>("int getsockopt(int fd, int level, int option, _Inout_ uint8_t *value, _Inout_ uint8_t *length)");

/** sendmsg(2) on a `struct msghdr` in a buffer. */
export const sendmsg = call<[fd: number, message: Buffer, flags: number]>(
  "int64_t sendmsg(int fd, uint8_t *msg, int flags)",
);

/** recvmsg(2) on a `struct msghdr` in a buffer. */
export const recvmsg = call<[fd: number, message: Buffer, flags: number]>(
  "int64_t recvmsg(int fd, _Inout_ uint8_t *msg, int flags)",
);

/** The address of a buffer's first byte; the buffer must stay reachable while the address is used. */
export const addressOf = (buffer: Buffer): bigint => koffi.address(buffer);

/** The bytes at an address as an ArrayBuffer, not copied. Mapping them must outlive the buffer. */
export const bytesAt = (address: number, length: number): ArrayBuffer =>
  koffi.view(address, length);

/** The last call's error as Node names it, `ENOENT`; to be asked right after the call. */
export const lastError = (): string => getSystemErrorName(-koffi.errno());
