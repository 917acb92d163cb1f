import type { Milliseconds } from "@casemate/core";
import type {
  InventoryRows,
  RunningRows,
  SectionName,
  SystemScan,
  YaraRuleFile,
} from "@casemate/scan";

/** Which state of a VM to scan, and for what. */
export interface ScanRequest {
  /** The VM's snapshot of that name; undefined: as the VM is now. */
  readonly snapshot?: string | undefined;
  /** The sections that are asked for; all unless given. */
  readonly only?: readonly SectionName[] | undefined;
  /** Whether what is found is held against the memory of the VM, which has to run. */
  readonly running?: boolean | undefined;
  /** What the section `malware` looks for. */
  readonly rules?: readonly YaraRuleFile[] | undefined;
  /** Whether rules are for all files; for programs and scripts alone unless given. */
  readonly everyFile?: boolean | undefined;
  /** What fingerprints of secrets are salted with, the same in every scan of an installation; random unless given. */
  readonly salt?: Uint8Array | undefined;
  /** Opens what is encrypted with LUKS. */
  readonly passphrase?: Uint8Array | undefined;
  /** Of reading the disks, and of each look into memory. */
  readonly budget: Milliseconds;
}

/** What is on the disks and, where that was asked for, what of it runs. */
export interface VmScanRows extends InventoryRows, RunningRows {}

/** A state of a VM that was scanned. */
export interface ScannedState {
  /** `running`: its disks as they were at one moment, while it ran on; `off`: while it did not run. */
  readonly kind: "running" | "off" | "snapshot";
  /** The snapshot's name. */
  readonly name?: string;
  /** When the disks were so. */
  readonly at: Date;
  /** `torn`: the VM was started meanwhile, so that the parts may be of different moments. */
  readonly consistency: "consistent" | "torn";
}

/** What is on the disks of one state of a VM. */
export interface VmScan extends SystemScan<VmScanRows> {
  /** The VM's name. */
  readonly subject: string;
  readonly state: ScannedState;
  readonly takenAt: Date;
  readonly elapsedMs: number;
}
