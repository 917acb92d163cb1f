import type { MachineDescription } from "@casemate/formats";
import type { OnProgress } from "@casemate/host";

/** A disk to be exported: its image, and the bus its VM has it on. */
export interface ExportedDisk {
  readonly path: string;
  readonly format: string;
  readonly bus: string;
}

/**
 * VMs as OVF packages (DSP0243) in one OVA file, for other hypervisors and from them.
 *
 * HOSTILE: an imported package is anybody's; sizes are bounded, names never leave the package, and its
 * manifest is verified.
 */
export interface PackageControl {
  /**
   * Writes `path` (`.ova`): descriptor, manifest with SHA-256, one streamOptimized VMDK a disk. Cancelled
   * or failed, nothing is left. Answers the whole file's SHA-256, hex. Throws `storage/outside`,
   * `storage/exists`, `storage/in-use`, `disk/full`.
   */
  export(
    request: {
      readonly path: string;
      readonly machine: Omit<MachineDescription, "disks">;
      readonly disks: readonly ExportedDisk[];
    },
    onProgress?: OnProgress,
    signal?: AbortSignal,
  ): Promise<{ readonly sha256: string }>;
  /**
   * What an `.ova`, or an `.ovf` with its files beside it, holds, once its manifest is verified. Throws
   * `package/malformed`, `package/mismatch`, `storage/outside`.
   */
  describe(
    path: string,
    onProgress?: OnProgress,
    signal?: AbortSignal,
  ): Promise<PackageDescription>;
  /** One disk of a package as a new qcow2 or raw image. Throws as `describe`, and `image/refused`. */
  extractDisk(
    request: {
      readonly path: string;
      /** `MachineDisk.file`. */
      readonly file: string;
      readonly to: string;
      readonly toFormat: "raw" | "qcow2";
    },
    onProgress?: OnProgress,
    signal?: AbortSignal,
  ): Promise<void>;
}

export interface PackageDescription {
  readonly machine: MachineDescription;
  /** Whether a manifest was there and every file is as it says. */
  readonly manifest: "verified" | "absent";
  /** Of the descriptor and all files with it, hex: what a plan that names the package is bound to. */
  readonly sha256: string;
}
