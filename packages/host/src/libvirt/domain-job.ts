import type { Bytes, Milliseconds } from "@casemate/core";

/** A job of libvirt's on a VM: a save, a dump, a snapshot's memory, a backup, a migration. */
export interface DomainJob {
  readonly elapsed: Milliseconds;
  /** Memory and disks together. */
  readonly done: Bytes;
  /** It may grow while the guest goes on writing. */
  readonly total: Bytes;
}

/** How a job ended. */
export interface CompletedJob {
  readonly success: boolean;
  /** libvirt's words where it failed. */
  readonly words: string | undefined;
}
