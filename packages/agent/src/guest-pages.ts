import type { Milliseconds } from "@casemate/core";
import type { Consistency, DataClass, Missed } from "@casemate/inspect";

/** Which pages of a guest's kernel to read, and what that may cost. */
export interface PagesRequest {
  /** Kernel addresses in them: `0xffffffff81a00000`. */
  readonly addresses: readonly string[];
  readonly budget: Milliseconds;
}

/** A page of the kernel's memory, and where it is. HOSTILE: its bytes are the guest's. */
export interface GuestPage {
  /** Of its first byte, as the kernel has it. */
  readonly address: string;
  /** In guest-physical memory. */
  readonly physical: string;
  /** The entries of page tables that lead there, the top one first. */
  readonly path: readonly {
    readonly table: string;
    readonly at: string;
    readonly entry: string;
  }[];
  readonly base64: string;
}

/** Pages as they were found in memory; each was copied while the guest ran on. */
export interface GuestPages {
  readonly takenAt: Date;
  readonly elapsedMs: number;
  readonly consistency: Consistency;
  readonly pages: readonly GuestPage[];
  /** Addresses that are none of the kernel's own data, and why. */
  readonly missed: readonly Missed[];
}

/** The most pages of one request. */
export const mostPages = 1_024;

/** What whoever reads pages needs leave for: those of processes and files are not among them. */
export const pageClasses: readonly DataClass[] = ["kernelMetadata", "kernelText"];
