import type { NicSource } from "./nic-source.ts";

/** A VM to be defined from a few words. */
export interface NewVm {
  readonly uuid: string;
  readonly name: string;
  /** `kvm`, or `qemu` where the host has no virtualization of its own. */
  readonly type: "kvm" | "qemu";
  /** In bytes, whole KiB. */
  readonly memory: number;
  readonly vcpus: number;
  readonly firmware: "bios" | "efi";
  readonly disks: readonly NewVmDisk[];
  readonly nics: readonly NewVmNic[];
}

export type NewVmDisk = {
  readonly device: "disk" | "cdrom";
  readonly target: string;
  readonly bus: "virtio" | "sata" | "scsi" | "usb";
  /** Null for an empty drive. */
  readonly path: string | null;
  readonly block: boolean;
  readonly format: "raw" | "qcow2";
};

export type NewVmNic = {
  readonly mac: string;
  readonly source: NicSource;
  readonly model: string;
};
