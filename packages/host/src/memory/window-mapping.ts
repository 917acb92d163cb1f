import { CasemateError } from "@casemate/core";
import { bytesAt, lastError, mmap, munmap } from "./libc.ts";

const PROT_READ = 1;
const MAP_SHARED = 0x01;
const MAP_PRIVATE = 0x02;
const MAP_FIXED = 0x10;
const MAP_ANONYMOUS = 0x20;
const MAP_NORESERVE = 0x4000;
const MAP_FAILED = 2 ** 64;

/** A run of file bytes and where it belongs in the window; all four in whole pages but the length. */
export interface WindowPart {
  readonly at: number;
  readonly length: number;
  readonly fd: number;
  readonly offset: number;
}

/**
 * Files mapped read-only into one stretch of addresses, with zeros between them.
 *
 * Disposing can be followed by any use of `view`: it throws a TypeError, because its buffer is detached,
 * and never reaches memory that is not mapped (docs/decisions/0003-guest-memory-sources.md).
 */
export class WindowMapping implements Disposable {
  readonly view: DataView;
  readonly #address: number;
  readonly #length: number;

  /** Throws `memory/unsupported` when the kernel does not map it. */
  constructor(length: number, parts: readonly WindowPart[]) {
    this.#length = length;
    this.#address = reserve(0, length);
    for (const part of parts) {
      const at = this.#address + part.at;
      const mapped = mmap(at, part.length, PROT_READ, MAP_SHARED | MAP_FIXED, part.fd, part.offset);
      if (mapped !== at) {
        const error = lastError();
        munmap(this.#address, length);
        throw new CasemateError(
          "memory/unsupported",
          `Cannot map ${part.length} bytes of guest memory: mmap said ${error}, expected an address.`,
        );
      }
    }
    this.view = new DataView(bytesAt(this.#address, length));
  }

  [Symbol.dispose](): void {
    const buffer = this.view.buffer;
    // Zeros take the files' place in one step: the guest's RAM is let go now, and whoever still
    // reads by a raw pointer (a native call under way) reads zeros.
    reserve(this.#address, this.#length);
    // Somebody has moved the bytes into a buffer of their own: their buffer keeps the addresses.
    if (!(buffer instanceof ArrayBuffer) || buffer.detached) return;
    buffer.transfer();
    // A native call under way keeps its buffer reachable: only after it are the addresses given back.
    abandoned.register(buffer, { address: this.#address, length: this.#length });
  }
}

const abandoned = new FinalizationRegistry<{ address: number; length: number }>(
  ({ address, length }) => munmap(address, length),
);

/** Takes addresses that read as zeros and cost nothing; at `address` if it is not 0. */
function reserve(address: number, length: number): number {
  const fixed = address === 0 ? 0 : MAP_FIXED;
  const flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | fixed;
  const got = mmap(address, length, PROT_READ, flags, -1, 0);
  if (got >= MAP_FAILED - 4096) {
    throw new CasemateError(
      "memory/unsupported",
      `Cannot map guest memory: mmap of ${length} bytes said ${lastError()}, expected an address.`,
    );
  }
  return got;
}
