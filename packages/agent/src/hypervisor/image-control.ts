import type { Bytes } from "@casemate/core";
import type { ImageDescription, ImageFormat, OnProgress } from "@casemate/host";

/**
 * Disk images as files. Sources are files of pools, of configured directories or of a VM's disks; targets
 * are never such disks. What is made gets the owner and the rights of what it was made from, and takes its
 * name only when it is whole.
 *
 * HOSTILE: a guest writes its raw disk's first bytes, and whoever made an image wrote its header; a format
 * is therefore never guessed where a VM's definition tells it. Throws `image/unreadable`, `image/refused`
 * for a header that points outside, `storage/outside`, `storage/exists`, `disk/full`.
 */
export interface ImageControl {
  /** @param format as the VM's definition says; undefined asks the header, for files of no VM. */
  describe(
    path: string,
    format: string | undefined,
    signal?: AbortSignal,
  ): Promise<ImageDescription>;
  /** An empty image. */
  create(
    image: { readonly path: string; readonly format: "raw" | "qcow2"; readonly capacity: Bytes },
    signal?: AbortSignal,
  ): Promise<void>;
  /** A qcow2 that keeps what is changed of `backing`, which must not be written from then on. */
  createOverlay(
    overlay: {
      readonly path: string;
      readonly backing: string;
      readonly backingFormat: "raw" | "qcow2";
    },
    signal?: AbortSignal,
  ): Promise<void>;
  /** A full copy, backing files merged; cancelled or failed, nothing is left. Throws `storage/in-use` for a running VM's disk. */
  copy(
    request: {
      readonly from: string;
      readonly fromFormat: string;
      readonly to: string;
      readonly toFormat: ImageFormat;
      /** An internal snapshot of a qcow2 to take instead of the present state. */
      readonly snapshot?: string;
    },
    onProgress?: OnProgress,
    signal?: AbortSignal,
  ): Promise<void>;
  /** Grows an image. Throws `storage/in-use` for a running VM's disk. */
  resize(
    path: string,
    format: "raw" | "qcow2",
    capacity: Bytes,
    signal?: AbortSignal,
  ): Promise<void>;
  /**
   * Copies disks of a running VM as they are at one moment, into new qcow2 files by target; the VM runs
   * on. Cancelled or failed, nothing is left. Throws `vm/not-running`, `device/unknown`.
   */
  backup(
    uuid: string,
    files: Readonly<Record<string, string>>,
    onProgress?: OnProgress,
    signal?: AbortSignal,
  ): Promise<void>;
}
