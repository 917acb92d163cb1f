import type { StartedProcess } from "./hypervisor/cut-label.ts";
import type { NetworkCut } from "./hypervisor/network-control.ts";

/** What cutting a process off the network meets, as the guest's memory has it. */
export interface CutPreview {
  /** How many processes descend from it. */
  readonly descendants: number;
  /** Ports at which it or a descendant listens, alone or with others. */
  readonly tcpPorts: readonly number[];
  readonly udpPorts: readonly number[];
  /** Their raw, packet, XDP and ping sockets, by which packets are sent in anybody's name. */
  readonly raw: number;
  /** Whether they have sockets in a network namespace of its own, whose packets the guest rewrites. */
  readonly elsewhere: boolean;
}

/** What a host tells of VMs of which processes are cut off. */
export const cutEvents = {
  /** All that was cut off with a process has ended; the detail is `PID@STARTED`. */
  ended: "cut-ended",
  /** For some time nobody could tell whose the guest's connections are; what passes stays as it was. */
  stale: "cut-stale",
  /** It can be told again. */
  followed: "cut-followed",
} as const;

/**
 * Cuts single processes of a guest off the network, with nothing in the guest. The rules at the VM's tap
 * devices let pass what is known to be of other processes; a follower looks at the guest's sockets, twice a
 * second at most, and has them know of new ones. What cannot be told does not pass. The rules stand while no
 * agent runs, and what is labelled is followed again by the next.
 *
 * All throw `vm/*`, `libvirt/*` and `network/failed`; what looks, what a look throws too.
 */
export interface CutControl {
  /** Throws `inspect/not-found` where the guest has no such process. */
  preview(uuid: string, process: StartedProcess, signal?: AbortSignal): Promise<CutPreview>;
  read(uuid: string, signal?: AbortSignal): Promise<NetworkCut>;
  /** Throws what `cut` would of the VM's interfaces, and changes nothing. */
  check(uuid: string, signal?: AbortSignal): Promise<void>;
  /** Cuts it off, and what descends from it; from then on it is followed. */
  cut(uuid: string, process: StartedProcess, signal?: AbortSignal): Promise<void>;
  /** Lets it have its network back; nothing where it is not cut off. */
  rejoin(uuid: string, process: StartedProcess, signal?: AbortSignal): Promise<void>;
}
