import type { CasemateError } from "@casemate/core";
import type { ForensicChannel } from "@casemate/host";

/**
 * The label of a VM that is to be isolated whenever it runs; `isolate` gives it and `release` takes it. What
 * starts a VM through an agent, or seen by one, isolates it anew then.
 */
export const isolatedLabel = "casemate:isolated";

/** What a host tells, of a VM or of all, where what is to be isolated could not be: it may have its network. */
export const isolationFailed = "isolation-failed";

/** A VM that is labelled, runs, and could not be isolated anew. */
export interface UnisolatedVm {
  readonly uuid: string;
  readonly name: string;
  readonly cause: CasemateError;
}

/** A VM's network as nftables has it at the VM's tap devices, beside what its definition says. */
export interface NetworkIsolation {
  /** The interfaces of the running VM; none while it does not run. */
  readonly interfaces: readonly {
    readonly mac: string;
    /** The host's device; undefined where there is none to isolate at. */
    readonly tap: string | undefined;
    readonly isolated: boolean;
  }[];
  /** What is kept open, as `ForensicChannel` is written, and the router to it. */
  readonly keep: { readonly keep: string; readonly via: string | undefined } | undefined;
  /** Packets dropped since it was isolated. */
  readonly dropped: number;
  /** Whether rules stand about the VM, if only about devices that it no longer has. */
  readonly rules: boolean;
  /** Whether it has `isolatedLabel`, so that the next run is isolated too. */
  readonly labelled: boolean;
}

/**
 * Keeps VMs off the network. The kernel holds the rules: they stand while no agent runs, through resets of
 * the guest and while it is paused. They end with the VM's run; the label says that the next is to have
 * them too, with nothing kept open. A VM that is started while no agent runs has its network until one does,
 * which shows here: it is labelled and not isolated. Where it cannot be isolated then, the host tells
 * `isolationFailed`.
 *
 * All throw `network/failed`, `system/missing`, `system/not-permitted`.
 */
export interface NetworkControl {
  isolation(uuid: string, signal?: AbortSignal): Promise<NetworkIsolation>;
  /** Throws what `isolate` would, and changes nothing: the kernel itself is asked. */
  check(uuid: string, channel: ForensicChannel | undefined, signal?: AbortSignal): Promise<void>;
  /**
   * Drops what comes and goes at each of the VM's tap devices but the channel, in one transaction, and in
   * place of an isolation that is there; then labels it. Throws `vm/not-running`, and `device/unknown` where an interface
   * has no tap device.
   */
  isolate(uuid: string, channel: ForensicChannel | undefined, signal?: AbortSignal): Promise<void>;
  /** Isolates anew, with nothing kept open, what is labelled and runs with an interface that is not. */
  renew(uuid: string, signal?: AbortSignal): Promise<void>;
  /** `renew` for every VM of the host; answers those that it failed for. */
  renewAll(signal?: AbortSignal): Promise<readonly UnisolatedVm[]>;
  /** Takes label and isolation back; nothing where there is none. */
  release(uuid: string, signal?: AbortSignal): Promise<void>;
}
