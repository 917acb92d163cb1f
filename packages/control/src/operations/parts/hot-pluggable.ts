/** Buses whose disks can come and go while a guest runs. */
export const hotPluggable: ReadonlySet<string> = new Set(["virtio", "scsi", "usb"]);
