import type { Bytes } from "@casemate/core";
import type { OnProgress, StoragePoolDescription, StorageVolume } from "@casemate/host";

/** libvirt's storage pools and their volumes. */
export interface StorageControl {
  pools(signal?: AbortSignal): Promise<readonly StoragePoolDescription[]>;
  /** Throws `storage/unknown` for a pool that is not there or not running. */
  volumes(pool: string, signal?: AbortSignal): Promise<readonly StorageVolume[]>;
  /** The volume of a path; undefined where no pool has it. */
  findVolume(path: string, signal?: AbortSignal): Promise<StorageVolume | undefined>;
  /** Throws `storage/unknown`, `storage/exists`, `disk/full`. */
  createVolume(
    pool: string,
    volume: { readonly name: string; readonly capacity: Bytes; readonly format: "raw" | "qcow2" },
    signal?: AbortSignal,
  ): Promise<StorageVolume>;
  /** A full copy of the volume at `from`; cannot be cancelled. Throws as `createVolume`. */
  cloneVolume(
    pool: string,
    name: string,
    from: string,
    signal?: AbortSignal,
  ): Promise<StorageVolume>;
  /** Grows a volume. Throws `storage/unknown`. */
  resizeVolume(path: string, capacity: Bytes, signal?: AbortSignal): Promise<void>;
  /** Overwrites a volume with zeros. Throws `storage/unknown`. */
  wipeVolume(path: string, signal?: AbortSignal): Promise<void>;
  /** Throws `storage/unknown`. */
  deleteVolume(path: string, signal?: AbortSignal): Promise<void>;
  /** Where files may be written and removed: the pools' directories and the configured ones. */
  directories(signal?: AbortSignal): Promise<readonly string[]>;
  /** Free for an ordinary user, in the file system of `path`. Throws `storage/outside`. */
  freeSpace(path: string, signal?: AbortSignal): Promise<Bytes>;
  /** Throws `storage/outside` unless `path` (symbolic links followed) may be written and removed. */
  verifyPath(path: string, signal?: AbortSignal): Promise<void>;
  /** What is at `path`; undefined where nothing is. Throws `storage/outside`. */
  stat(
    path: string,
    signal?: AbortSignal,
  ): Promise<{ readonly size: Bytes; readonly modifiedAt: Date } | undefined>;
  /** Copies a file byte by byte: nothing is left where it fails. Throws `storage/exists`, `disk/full`. */
  copyFile(from: string, to: string, onProgress?: OnProgress, signal?: AbortSignal): Promise<void>;
  /** And what an interrupted copy to it left; nothing where nothing is. Throws `storage/outside`, `storage/in-use` for a VM's disk. */
  removeFile(path: string, signal?: AbortSignal): Promise<void>;
  /** Hex. */
  sha256File(path: string, onProgress?: OnProgress, signal?: AbortSignal): Promise<string>;
}
