import type { ImageFormat } from "@casemate/formats/disk";
import type { ForeignFormat } from "./foreign-format.ts";

/** A file of a disk's chain of images, by the number of its descriptor. */
export interface LayerDescription {
  readonly format: ImageFormat | ForeignFormat;
  readonly file: number;
  /** In bytes, where the file does not tell it: of a block device. */
  readonly size?: number;
}

/** A disk in files. */
export interface ChainDescription {
  /** What QEMU calls the device, for errors and people. */
  readonly name: string;
  /** The image that the VM writes to first, what it is a layer above after it. */
  readonly layers: readonly LayerDescription[];
  /** Name of an internal snapshot of the first image, to be read instead of what it is now. */
  readonly snapshot?: string;
}

/** A disk that an NBD server exports. */
export interface ExportDescription {
  readonly name: string;
  readonly nbd: {
    readonly export: string;
    /** The number of the descriptor that is connected to the server. */
    readonly socket: number;
  };
}

/** A VM's disk as plain data, so that a process with the rights opens it and one without reads it. */
export type DiskDescription = ChainDescription | ExportDescription;
