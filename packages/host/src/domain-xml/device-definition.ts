/** A device to be attached. */
export type DeviceDefinition =
  | {
      readonly kind: "disk";
      readonly device: "disk" | "cdrom";
      /** `vdb`, `sda`. */
      readonly target: string;
      readonly bus: "virtio" | "scsi" | "sata" | "usb" | "ide";
      /** Undefined for an empty drive. */
      readonly path: string | undefined;
      /** Whether the path is a block device of the host. */
      readonly block?: boolean;
      readonly format: "raw" | "qcow2";
      readonly readonly?: boolean;
      readonly serial?: string;
    }
  | {
      readonly kind: "interface";
      readonly mac: string;
      readonly source:
        | { readonly kind: "network"; readonly network: string }
        | { readonly kind: "bridge"; readonly bridge: string };
      readonly model: string;
    };
