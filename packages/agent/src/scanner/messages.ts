import { errorCatalogue, type Milliseconds } from "@casemate/core";
import type { RunningMemory, SectionName, SystemScan } from "@casemate/scan";
import type { Failure } from "../confined/serve.ts";
import type { VmScanRows } from "../vm-scan.ts";

/** What the agent asks its scanner, once; the system's disks come over the other socket just before. */
export interface ScannerRequest {
  readonly budget: Milliseconds;
  /** The sections that are asked for; all unless given. */
  readonly only?: readonly SectionName[] | undefined;
  /** The same system's, to tell what of the disks runs besides. HOSTILE: the guest controls it. */
  readonly memory?: RunningMemory | undefined;
}

export type ScannerAnswer = SystemScan<VmScanRows> | Failure;

/** Codes a scanner may end with or tell of what it missed; any other from it is not to be believed. */
export const scannerCodes: ReadonlySet<string> = new Set(
  Object.keys(errorCatalogue).filter((code) => /^(disk|scan|inspect)\/|^internal$/.test(code)),
);
