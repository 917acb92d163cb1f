import type { ImageFormat } from "@casemate/formats/disk";

/** A file of a disk's chain of images, by the number of its descriptor. */
export interface LayerDescription {
  readonly format: ImageFormat;
  readonly file: number;
}

/** A VM's disk as plain data, so that a process with the rights opens it and one without reads it. */
export interface DiskDescription {
  /** What QEMU calls the device, for errors and people. */
  readonly name: string;
  /** The image that the VM writes to first, what it is a layer above after it. */
  readonly layers: readonly LayerDescription[];
}
