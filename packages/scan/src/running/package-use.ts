import type { NonEmpty } from "@casemate/core";
import type { PackageType } from "../packages/installed-package.ts";
import type { ProcessEvidence } from "./process-evidence.ts";

/** Whether anything that runs uses a package's files. HOSTILE: the guest's memory and disks say it. */
export type PackageUse = PackageUseState & {
  readonly package: string;
  readonly type: PackageType;
};

export type PackageUseState =
  | {
      readonly state: "mapped";
      /** Those with listening sockets first; the first ones of very many. */
      readonly processes: NonEmpty<UsingProcess>;
      /** How many there are. */
      readonly count: number;
    }
  /** It has the kernel that runs, or modules of it. */
  | { readonly state: "running-kernel"; readonly release: string }
  /** All memory was looked at, and nothing maps any of its programs and libraries. */
  | { readonly state: "not-loaded"; readonly programs: number }
  | { readonly state: "unknown"; readonly reason: string };

/** A process that has files of a package in its memory. */
export interface UsingProcess extends ProcessEvidence {
  /** The first ones of very many. */
  readonly paths: readonly string[];
  /** Some of them as they were before they were replaced: the process runs an older version than is installed. */
  readonly runsOld: boolean;
}
