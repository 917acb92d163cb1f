import type { Bytes, Nanoseconds } from "@casemate/core";

/** virDomainState, in libvirt's order and with its names. */
export const domainStates = [
  "nostate",
  "running",
  "blocked",
  "paused",
  "shutdown",
  "shutoff",
  "crashed",
  "pmsuspended",
] as const;

/** What a VM is doing, in libvirt's words: `shutdown` is on its way down, `shutoff` is down. */
export type DomainState = (typeof domainStates)[number];

/** A VM as libvirt knows it at one moment. */
export interface Domain {
  /** In lower case with dashes. */
  readonly uuid: string;
  /** HOSTILE: whoever defined the VM chose it. */
  readonly name: string;
  /** libvirt's number of this run of the VM; undefined while it does not run. */
  readonly id: number | undefined;
  readonly state: DomainState;
  readonly vcpus: number;
  readonly memory: Bytes;
  readonly maxMemory: Bytes;
  /** CPU time used in this run; zero while it does not run. */
  readonly cpuTime: Nanoseconds;
  /** Whether its definition outlives its run. */
  readonly persistent: boolean;
  readonly autostart: boolean;
  readonly managedSave: boolean;
}

/** A VM with its definitions, without passwords. */
export interface DefinedDomain {
  readonly domain: Domain;
  /** The one that the next start uses. */
  readonly inactive: string;
  /** The running VM's; undefined while it does not run. */
  readonly live: string | undefined;
}
