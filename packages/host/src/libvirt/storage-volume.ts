import type { Bytes } from "@casemate/core";

/** virStorageVolType, in libvirt's order and with its names. */
export const storageVolumeKinds = ["file", "block", "dir", "network", "netdir", "ploop"] as const;

/** A volume of a storage pool. */
export interface StorageVolume {
  /** The pool's UUID. */
  readonly pool: string;
  readonly name: string;
  readonly path: string;
  readonly kind: (typeof storageVolumeKinds)[number] | "other";
  /** What a guest sees. */
  readonly capacity: Bytes;
  /** What it takes on the host. */
  readonly allocation: Bytes;
}
