import type { Bytes } from "@casemate/core";

/** virStoragePoolState, in libvirt's order and with its names. */
export const storagePoolStates = [
  "inactive",
  "building",
  "running",
  "degraded",
  "inaccessible",
] as const;

export type StoragePoolState = (typeof storagePoolStates)[number];

/** A storage pool as libvirt knows it at one moment; the sizes are zero while it is inactive. */
export interface StoragePool {
  readonly uuid: string;
  readonly name: string;
  readonly state: StoragePoolState;
  readonly capacity: Bytes;
  readonly allocation: Bytes;
  readonly available: Bytes;
}
