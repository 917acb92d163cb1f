import type { Bytes } from "@casemate/core";

/** A VM as an OVF descriptor tells it (DSP0243). HOSTILE: the descriptor's author wrote all of it. */
export interface MachineDescription {
  readonly name: string;
  readonly memory: Bytes;
  readonly vcpus: number;
  readonly firmware: "bios" | "efi";
  readonly disks: readonly MachineDisk[];
  readonly nics: readonly MachineNic[];
}

export interface MachineDisk {
  readonly id: string;
  /** The file in the package; undefined for an empty disk. */
  readonly file: string | undefined;
  readonly capacity: Bytes;
  /** As the descriptor names it. */
  readonly format: "vmdk" | "qcow2" | "raw" | "unknown";
  readonly bus: "ide" | "scsi" | "sata" | "virtio";
}

export interface MachineNic {
  /** The network as the descriptor names it: the importer says which of the host's it is. */
  readonly network: string;
  /** QEMU's word for the adapter; undefined where it knows none of that kind. */
  readonly model: string | undefined;
  /** Absent unless the descriptor insists on one. */
  readonly mac: string | undefined;
}
