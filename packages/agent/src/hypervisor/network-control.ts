import type { CasemateError } from "@casemate/core";
import type { CutTraffic, ForensicChannel } from "@casemate/host";
import { type CutProcess, isCutLabel, type StartedProcess } from "./cut-label.ts";

/**
 * The label of a VM that is to be isolated whenever it runs; `isolate` gives it and `release` takes it. What
 * starts a VM through an agent, or seen by one, isolates it anew then.
 */
export const isolatedLabel = "casemate:isolated";

/** Whether labels say that a VM, or processes of it, are to be kept off the network when it runs. */
export function isKeptOff(labels: readonly string[]): boolean {
  return labels.some((label) => label === isolatedLabel || isCutLabel(label));
}

/** What a host tells, of a VM or of all, where what is to be kept off the network could not be: it may have it. */
export const isolationFailed = "isolation-failed";

/** A VM that is labelled, runs, and could not be isolated anew, or its processes not cut off. */
export interface UnisolatedVm {
  readonly uuid: string;
  readonly name: string;
  readonly cause: CasemateError;
}

/** An interface of a running VM. */
interface RunningInterface {
  readonly mac: string;
  /** The host's device; undefined where there is none to isolate at. */
  readonly tap: string | undefined;
}

/** A VM's network as nftables has it at the VM's tap devices, beside what its definition says. */
export interface NetworkIsolation {
  /** The interfaces of the running VM; none while it does not run. */
  readonly interfaces: readonly (RunningInterface & { readonly isolated: boolean })[];
  /** What is kept open, as `ForensicChannel` is written, and the router to it. */
  readonly keep: { readonly keep: string; readonly via: string | undefined } | undefined;
  /** Packets dropped since it was isolated. */
  readonly dropped: number;
  /** Whether rules stand about the VM, if only about devices that it no longer has. */
  readonly rules: boolean;
  /** Whether it has `isolatedLabel`, so that the next run is isolated too. */
  readonly labelled: boolean;
}

/** Which processes of a VM are cut off, as its labels say, and where the rules for it stand. */
export interface NetworkCut {
  readonly processes: readonly CutProcess[];
  readonly interfaces: readonly (RunningInterface & { readonly cut: boolean })[];
  /** Packets dropped since the rules were made. */
  readonly dropped: number;
  /** Whether rules stand about the VM, if only about devices that it no longer has. */
  readonly rules: boolean;
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
  /**
   * Isolates anew, with nothing kept open, what is labelled and runs with an interface that is not; and lets
   * nothing pass of what has processes to be cut off and interfaces where they are not, until `allow` does.
   */
  renew(uuid: string, signal?: AbortSignal): Promise<void>;
  /** `renew` for every VM of the host; answers those that it failed for. */
  renewAll(signal?: AbortSignal): Promise<readonly UnisolatedVm[]>;
  /** Takes label and isolation back; nothing where there is none. */
  release(uuid: string, signal?: AbortSignal): Promise<void>;
  /** What is cut off. Under isolation it stands beside it, and is there when that is released. */
  cuts(uuid: string, signal?: AbortSignal): Promise<NetworkCut>;
  /** Throws what `cut` would, and changes nothing: the kernel itself is asked. */
  checkCut(uuid: string, signal?: AbortSignal): Promise<void>;
  /** Lets nothing pass at the VM's tap devices but `traffic`, then labels it. Throws as `isolate`. */
  cut(uuid: string, process: CutProcess, traffic: CutTraffic, signal?: AbortSignal): Promise<void>;
  /** Has `traffic` pass in place of what did, at the devices the VM has now. Throws as `isolate`. */
  allow(uuid: string, traffic: CutTraffic, signal?: AbortSignal): Promise<void>;
  /** Takes a process's label back, and with the last one the rules; nothing where there is none. */
  rejoin(uuid: string, process: StartedProcess, signal?: AbortSignal): Promise<void>;
}
