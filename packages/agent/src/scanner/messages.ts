import { errorCatalogue, type Milliseconds } from "@casemate/core";
import type { RunningMemory, SectionName, SystemScan, YaraRuleFile } from "@casemate/scan";
import type { Failure } from "../confined/serve.ts";
import type { VmScanRows } from "../vm-scan.ts";

/** What the agent asks its scanner, each once and in this order. */
export type ScannerRequest = PrepareRequest | OpenRequest | ScanDisksRequest;

/** Before there are disks, so that what opens them waits for no process to start, nor for rules. */
export interface PrepareRequest {
  readonly kind: "prepare";
  readonly rules?: readonly YaraRuleFile[] | undefined;
  readonly everyFile?: boolean | undefined;
  /** In base64, as the passphrase. */
  readonly salt?: string | undefined;
  readonly passphrase?: string | undefined;
}

/** The system's disks, which come over the other socket just before. */
export interface OpenRequest {
  readonly kind: "open";
}

export interface ScanDisksRequest {
  readonly kind: "scan";
  readonly budget: Milliseconds;
  /** The sections that are asked for; all unless given. */
  readonly only?: readonly SectionName[] | undefined;
  /** The same system's, to tell what of the disks runs besides. HOSTILE: the guest controls it. */
  readonly memory?: RunningMemory | undefined;
}

/** That it is done, of what has no other answer. */
export interface ScannerDone {
  readonly done: true;
}

export type ScannerAnswer = SystemScan<VmScanRows> | ScannerDone | Failure;

/** Codes a scanner may end with or tell of what it missed; any other from it is not to be believed. */
export const scannerCodes: ReadonlySet<string> = new Set(
  Object.keys(errorCatalogue).filter((code) =>
    /^(disk|scan|inspect|rules)\/|^internal$/.test(code),
  ),
);
