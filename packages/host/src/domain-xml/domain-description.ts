import type { Bytes } from "@casemate/core";

/** A disk of a VM as its definition names it. HOSTILE: names and paths are its author's. */
export interface DomainDisk {
  /** `vda`, `sda`: unique in the VM. */
  readonly target: string;
  /** `virtio`, `scsi`, `sata`, `usb`, `ide`, `fdc`. */
  readonly bus: string;
  readonly device: "disk" | "cdrom" | "floppy" | "lun";
  readonly source: DiskSource;
  /** The format the definition states; `raw` where it states none, as libvirt takes it. */
  readonly format: string;
  readonly readonly: boolean;
  readonly shareable: boolean;
  readonly serial: string | undefined;
  /** What lies below, nearest first, as far as the definition tells: a running VM's tells all. */
  readonly backing: readonly DiskLayer[];
}

export type DiskSource =
  | { readonly kind: "file" | "block"; readonly path: string }
  | { readonly kind: "volume"; readonly pool: string; readonly volume: string }
  | { readonly kind: "network"; readonly protocol: string; readonly name: string }
  /** A drive without a medium. */
  | { readonly kind: "none" }
  /** What Casemate has no operation for (`dir`, `nvme`, `vhostuser`, …). */
  | { readonly kind: "other"; readonly type: string };

export interface DiskLayer {
  readonly source: DiskSource;
  readonly format: string;
}

export interface DomainNic {
  /** In lower case: unique in the VM, and meant to be so everywhere. */
  readonly mac: string;
  readonly source:
    | { readonly kind: "network"; readonly network: string }
    | { readonly kind: "bridge"; readonly bridge: string }
    /** `user`, `direct`, `hostdev`, …: libvirt's own type. */
    | { readonly kind: "other"; readonly type: string };
  readonly model: string | undefined;
  /** The host's device while the VM runs. */
  readonly tap: string | undefined;
  /** libvirt's network filter. */
  readonly filter: string | undefined;
  readonly linkUp: boolean;
}

export interface DomainGraphics {
  /** `vnc`, `spice`, … */
  readonly type: string;
  readonly listen: string | undefined;
  readonly port: number | undefined;
}

export interface DomainConsole {
  /** `serial` or `console`. */
  readonly kind: "serial" | "console";
  /** libvirt's alias while the VM runs: `serial0`. */
  readonly alias: string | undefined;
  /** How the host reaches it: `pty`, `unix`, `file`, `tcp`, … */
  readonly type: string;
  readonly path: string | undefined;
  readonly port: number;
}

export interface DomainFirmware {
  readonly kind: "bios" | "efi";
  /** The code image that the definition names. */
  readonly loader: string | undefined;
  /** The VM's own variables. */
  readonly nvram: string | undefined;
  readonly secureBoot: boolean;
}

export interface DomainTpm {
  readonly model: string;
  /** `emulator`, `passthrough`, `external`. */
  readonly backend: string;
  readonly version: string | undefined;
}

/** What a domain's definition says, parsed. HOSTILE: whoever defined the VM wrote it. */
export interface DefinitionDescription {
  readonly uuid: string;
  readonly name: string;
  readonly title: string | undefined;
  /** `kvm`, `qemu`, … */
  readonly type: string;
  readonly arch: string | undefined;
  readonly machine: string | undefined;
  /** Given now, and at most. */
  readonly memory: Bytes;
  readonly maxMemory: Bytes;
  /** Above `maxMemory` by hot-plugged modules; undefined where the definition has no slots. */
  readonly slotsMemory: Bytes | undefined;
  readonly vcpus: number;
  readonly maxVcpus: number;
  readonly disks: readonly DomainDisk[];
  readonly nics: readonly DomainNic[];
  readonly graphics: readonly DomainGraphics[];
  readonly consoles: readonly DomainConsole[];
  readonly firmware: DomainFirmware;
  readonly tpm: DomainTpm | undefined;
  /** The generation id that tells a guest it was copied or restored; `"auto"` where libvirt chooses one. */
  readonly genid: string | undefined;
  /** Devices of the host that were given to it: such a VM cannot be saved or moved. */
  readonly hostDevices: number;
  /** Kernel and initrd of a direct boot. */
  readonly directBoot: { readonly kernel: string; readonly initrd: string | undefined } | undefined;
  /** Casemate's labels, from its own element in <metadata>. */
  readonly labels: readonly string[];
  /** SHA-256, hex, of what is left of the definition without what libvirt adds and only a running VM has. */
  readonly digest: string;
}
