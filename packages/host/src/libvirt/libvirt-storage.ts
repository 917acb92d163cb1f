import type { Bytes } from "@casemate/core";
import type { LibvirtFlags } from "./flags.ts";
import type { OpenConnection } from "./open-connection.ts";
import type { StoragePool } from "./storage-pool.ts";
import type { StorageVolume } from "./storage-volume.ts";

/** The storage of a host: pools by UUID, volumes by path. All throw as LibvirtConnection's methods do. */
export class LibvirtStorage {
  readonly #open: OpenConnection;

  constructor(open: OpenConnection) {
    this.#open = open;
  }

  listPools(signal?: AbortSignal): Promise<StoragePool[]> {
    return this.#open.call("listStoragePools", [], signal);
  }

  /** A pool's definition, in libvirt's XML. */
  poolXml(uuid: string, signal?: AbortSignal): Promise<string> {
    return this.#open.call("storagePoolXml", [uuid], signal);
  }

  /** Defines a pool and starts it. */
  definePool(xml: string, signal?: AbortSignal): Promise<StoragePool> {
    return this.#open.call("defineStoragePool", [xml], signal);
  }

  /** Stops a pool and forgets it; what it holds stays. */
  undefinePool(uuid: string, signal?: AbortSignal): Promise<void> {
    return this.#open.call("undefineStoragePool", [uuid], signal);
  }

  /** Has libvirt look anew what a pool holds. */
  refreshPool(uuid: string, signal?: AbortSignal): Promise<void> {
    return this.#open.call("refreshStoragePool", [uuid], signal);
  }

  listVolumes(pool: string, signal?: AbortSignal): Promise<StorageVolume[]> {
    return this.#open.call("listVolumes", [pool], signal);
  }

  /** The volume of a path; undefined where no pool has it. */
  findVolume(path: string, signal?: AbortSignal): Promise<StorageVolume | undefined> {
    return this.#open.call("findVolume", [path], signal);
  }

  /** A volume's definition, in libvirt's XML. */
  volumeXml(path: string, signal?: AbortSignal): Promise<string> {
    return this.#open.call("volumeXml", [path], signal);
  }

  createVolume(pool: string, xml: string, signal?: AbortSignal): Promise<StorageVolume> {
    return this.#open.call("createVolume", [pool, xml], signal);
  }

  /** @param from the path of the volume to copy. */
  cloneVolume(
    pool: string,
    xml: string,
    from: string,
    signal?: AbortSignal,
  ): Promise<StorageVolume> {
    return this.#open.call("cloneVolume", [pool, xml, from], signal);
  }

  resizeVolume(
    path: string,
    capacity: Bytes,
    flags: LibvirtFlags<"volumeResize"> = [],
    signal?: AbortSignal,
  ): Promise<void> {
    return this.#open.call("resizeVolume", [path, capacity, flags], signal);
  }

  wipeVolume(path: string, signal?: AbortSignal): Promise<void> {
    return this.#open.call("wipeVolume", [path], signal);
  }

  deleteVolume(path: string, signal?: AbortSignal): Promise<void> {
    return this.#open.call("deleteVolume", [path], signal);
  }
}
