import type { KernelCallEnd } from "@casemate/host";
import type { SignalTargetRow } from "@casemate/inspect";

/** A process of a guest: its number, and when it started in seconds since boot, as findings name it. */
export interface ProcessId {
  readonly pid: number;
  /** `1084.55`; where it is left out, whichever has the number now. */
  readonly started?: string | undefined;
}

/** A process as the guest's memory has it, and what signalling it from outside would meet. */
export interface GuestProcess extends Omit<SignalTargetRow, "path"> {
  /** How many of the kernel's lists it was taken off that it must be on again before it ends. */
  readonly brokenLinks: number;
}

/** What can be done to one process: it ends, it stands still, it goes on. */
export const processSignals = { kill: 9, freeze: 19, thaw: 18 } as const;

export type ProcessSignal = keyof typeof processSignals;

/**
 * Acts on single processes of a guest, with nothing in the guest: its own kernel is made to send the signal,
 * `SIGKILL`, `SIGSTOP` or `SIGCONT`. The VM stands still for moments of milliseconds.
 */
export interface ProcessControl {
  /** Throws `inspect/not-found` where the guest has no such process, and what a look throws. */
  find(uuid: string, process: ProcessId, signal?: AbortSignal): Promise<GuestProcess>;
  /**
   * Sends it to the very process that is named, start and `task_struct` too. What comes of it shows in the
   * guest after a moment. Throws as `find`, and `guest/*`, `vm/*`, `libvirt/*`, `data/not-writable`.
   */
  send(
    uuid: string,
    process: Pick<GuestProcess, "pid" | "started" | "task">,
    what: ProcessSignal,
    signal?: AbortSignal,
  ): Promise<KernelCallEnd>;
}
