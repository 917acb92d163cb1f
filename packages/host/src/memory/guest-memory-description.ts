import type { RamPiece } from "./ram-piece.ts";

/**
 * Guest RAM as plain data, so that a process with the rights opens it and one without reads it: the
 * descriptors travel beside it (`sendFds`), numbered as here.
 *
 * Descriptor 0 is a pidfd of the QEMU process. `mapped`: the others are sealed memory files.
 * `process`: descriptor 1 is `/proc/PID/mem`, and offsets are addresses in the process.
 */
export interface GuestMemoryDescription {
  readonly kind: "mapped" | "process";
  /** For errors and people: `web01 (memfd of pid 4711)`. */
  readonly description: string;
  readonly pieces: readonly RamPiece[];
}
