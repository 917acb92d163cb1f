import type { Gva } from "@casemate/core";

/** 8 bytes of the guest's memory that must have this value, but for the bits that `mask` leaves out. */
export interface KernelGuard {
  readonly address: Gva;
  readonly mask: bigint;
  readonly value: bigint;
}

/** A place in one of the kernel's lists: `list_head` on `list_head`, or `hlist_node` on `hlist_head`. */
export interface KernelListPlace {
  readonly kind: "list" | "hlist";
  readonly node: Gva;
  readonly head: Gva;
}

/**
 * A call of one of the guest's kernel's own functions, slipped in before another function that has no
 * parameters: at its entry no register but the stack pointer and those that functions keep means anything.
 */
export interface KernelCall {
  readonly before: Gva;
  readonly function: Gva;
  /** As the System V ABI passes them: `rdi`, `rsi`, `rdx`. */
  readonly arguments: readonly [bigint, bigint, bigint];
  /** Otherwise the call is not made: what it is about is not what it was. */
  readonly identity: readonly KernelGuard[];
  /** Otherwise the call is not made at this moment, but at a later one. */
  readonly idle: readonly KernelGuard[];
  /** Lists that nodes are put on just before. */
  readonly mend: readonly KernelListPlace[];
}

/** What a call took. */
export interface KernelCallEnd {
  /** How often the VM stood still, and for how long altogether, in microseconds. */
  readonly stops: number;
  readonly stoppedMicroseconds: number;
}
