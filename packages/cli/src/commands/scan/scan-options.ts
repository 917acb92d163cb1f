import type { SectionName } from "@casemate/scan";
import type { DocumentFormat } from "@casemate/scan/document-formats";
import type { VmScanOrder } from "./walk-states.ts";

/** What is for a VM alone. */
type VmOption = "snapshot" | "allStates" | "running" | "data" | "request";

/** The words of `casemate scan`, as they were given. */
export interface ScanOptions extends Pick<VmScanOrder, VmOption> {
  readonly disk?: readonly string[];
  readonly follow?: boolean;
  readonly only?: readonly SectionName[];
  readonly all?: boolean;
  readonly diff?: readonly string[];
  readonly saveBaseline?: string;
  readonly paths?: readonly string[];
  readonly baseline?: string;
  readonly keyFile?: string;
  readonly rules?: readonly string[];
  readonly everyFile?: boolean;
  readonly saltFile?: string;
  readonly cache?: string;
  readonly advisories?: string | true;
  readonly format: "table" | "json" | DocumentFormat;
  readonly budget: number;
}
