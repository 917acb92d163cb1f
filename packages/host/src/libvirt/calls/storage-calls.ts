import { bytes } from "@casemate/core";
import { flagBits, type LibvirtFlags } from "../flags.ts";
import { virErrorNumber } from "../libvirt-error.ts";
import type {
  VirStoragePool,
  VirStoragePoolInfo,
  VirStorageVol,
  VirStorageVolInfo,
} from "../prototypes.ts";
import { type StoragePool, storagePoolStates } from "../storage-pool.ts";
import { type StorageVolume, storageVolumeKinds } from "../storage-volume.ts";
import { type Call, callFailed, checked, mapAll, using } from "./call.ts";
import { uuidOf } from "./domain-calls.ts";

function readPool(call: Call, pool: VirStoragePool): StoragePool {
  const { lib } = call;
  const name = checked(call, "read a storage pool", lib.virStoragePoolGetName(pool));
  const doing = `read storage pool ${name}`;
  const info = {} as VirStoragePoolInfo; // libvirt fills it
  checked(call, doing, lib.virStoragePoolGetInfo(pool, info));
  return {
    uuid: uuidOf(call, doing, (buffer) => lib.virStoragePoolGetUUIDString(pool, buffer)),
    name,
    // A state that a later libvirt may add has no name here; such a pool is not to be used.
    state: storagePoolStates[info.state] ?? "inaccessible",
    capacity: bytes(Number(info.capacity)),
    allocation: bytes(Number(info.allocation)),
    available: bytes(Number(info.available)),
  };
}

function readVolume(call: Call, pool: string, vol: VirStorageVol): StorageVolume {
  const { lib } = call;
  const name = checked(call, "read a volume", lib.virStorageVolGetName(vol));
  const doing = `read volume ${name}`;
  const info = {} as VirStorageVolInfo; // libvirt fills it
  checked(call, doing, lib.virStorageVolGetInfo(vol, info));
  return {
    pool,
    name,
    path: checked(call, doing, lib.virStorageVolGetPath(vol)),
    kind: storageVolumeKinds[info.type] ?? "other",
    capacity: bytes(Number(info.capacity)),
    allocation: bytes(Number(info.allocation)),
  };
}

function onPool<T>(
  call: Call,
  uuid: string,
  verb: string,
  use: (pool: VirStoragePool, doing: string) => T,
): T {
  const { lib, conn } = call;
  const doing = `${verb} storage pool ${uuid}`;
  const found = checked(call, doing, lib.virStoragePoolLookupByUUIDString(conn, uuid));
  return using(found, lib.virStoragePoolFree, (pool) =>
    use(pool, `${verb} storage pool ${lib.virStoragePoolGetName(pool) ?? uuid}`),
  );
}

function onVolume<T>(
  call: Call,
  path: string,
  verb: string,
  use: (vol: VirStorageVol, doing: string) => T,
): T {
  const { lib, conn } = call;
  const doing = `${verb} volume ${path}`;
  const found = checked(call, doing, lib.virStorageVolLookupByPath(conn, path));
  return using(found, lib.virStorageVolFree, (vol) => use(vol, doing));
}

/** The UUID of the pool that holds a volume. */
function poolOf(call: Call, doing: string, vol: VirStorageVol): string {
  const { lib } = call;
  const found = checked(call, doing, lib.virStoragePoolLookupByVolume(vol));
  return using(found, lib.virStoragePoolFree, (pool) =>
    uuidOf(call, doing, (buffer) => lib.virStoragePoolGetUUIDString(pool, buffer)),
  );
}

export const storageCalls = {
  listStoragePools(call: Call): StoragePool[] {
    const { lib, conn } = call;
    return mapAll<VirStoragePool, StoragePool>(
      call,
      "list the storage pools",
      virErrorNumber.noStoragePool,
      (out) => lib.virConnectListAllStoragePools(conn, out, 0),
      lib.virStoragePoolFree,
      (pool) => readPool(call, pool),
    );
  },

  storagePoolXml(call: Call, uuid: string): string {
    return onPool(call, uuid, "read the definition of", (pool, doing) =>
      checked(call, doing, call.lib.virStoragePoolGetXMLDesc(pool, 0)),
    );
  },

  /** Defines a pool and starts it. */
  defineStoragePool(call: Call, xml: string): StoragePool {
    const { lib, conn } = call;
    const doing = "define a storage pool";
    const defined = checked(call, doing, lib.virStoragePoolDefineXML(conn, xml, 0));
    return using(defined, lib.virStoragePoolFree, (pool) => {
      checked(call, doing, lib.virStoragePoolCreate(pool, 0));
      return readPool(call, pool);
    });
  },

  /** Stops a pool and forgets it; what it holds stays. */
  undefineStoragePool(call: Call, uuid: string): void {
    const { lib } = call;
    onPool(call, uuid, "undefine", (pool, doing) => {
      checked(call, doing, lib.virStoragePoolDestroy(pool));
      checked(call, doing, lib.virStoragePoolUndefine(pool));
    });
  },

  refreshStoragePool(call: Call, uuid: string): void {
    onPool(call, uuid, "refresh", (pool, doing) =>
      checked(call, doing, call.lib.virStoragePoolRefresh(pool, 0)),
    );
  },

  listVolumes(call: Call, uuid: string): StorageVolume[] {
    const { lib } = call;
    return onPool(call, uuid, "list the volumes of", (pool, doing) =>
      mapAll<VirStorageVol, StorageVolume>(
        call,
        doing,
        virErrorNumber.noStorageVol,
        (out) => lib.virStoragePoolListAllVolumes(pool, out, 0),
        lib.virStorageVolFree,
        (vol) => readVolume(call, uuid, vol),
      ),
    );
  },

  /** The volume of a path; undefined where no pool has it. */
  findVolume(call: Call, path: string): StorageVolume | undefined {
    const { lib, conn } = call;
    const doing = `find volume ${path}`;
    const found = lib.virStorageVolLookupByPath(conn, path);
    if (found === null) {
      const failed = callFailed(lib, doing, "libvirt/failed", conn);
      if (failed.failure.number === virErrorNumber.noStorageVol) return undefined;
      throw failed;
    }
    return using(found, lib.virStorageVolFree, (vol) =>
      readVolume(call, poolOf(call, doing, vol), vol),
    );
  },

  volumeXml(call: Call, path: string): string {
    return onVolume(call, path, "read", (vol, doing) =>
      checked(call, doing, call.lib.virStorageVolGetXMLDesc(vol, 0)),
    );
  },

  createVolume(call: Call, pool: string, xml: string): StorageVolume {
    const { lib } = call;
    return onPool(call, pool, "create a volume in", (object, doing) => {
      const made = checked(call, doing, lib.virStorageVolCreateXML(object, xml, 0));
      return using(made, lib.virStorageVolFree, (vol) => readVolume(call, pool, vol));
    });
  },

  cloneVolume(call: Call, pool: string, xml: string, from: string): StorageVolume {
    const { lib } = call;
    return onVolume(call, from, "copy", (source) =>
      onPool(call, pool, "create a volume in", (object, doing) => {
        const made = checked(call, doing, lib.virStorageVolCreateXMLFrom(object, xml, source, 0));
        return using(made, lib.virStorageVolFree, (vol) => readVolume(call, pool, vol));
      }),
    );
  },

  resizeVolume(
    call: Call,
    path: string,
    capacity: number,
    flags: LibvirtFlags<"volumeResize">,
  ): void {
    const bits = flagBits("volumeResize", flags);
    onVolume(call, path, "resize", (vol, doing) =>
      checked(call, doing, call.lib.virStorageVolResize(vol, capacity, bits)),
    );
  },

  wipeVolume(call: Call, path: string): void {
    onVolume(call, path, "wipe", (vol, doing) =>
      checked(call, doing, call.lib.virStorageVolWipe(vol, 0)),
    );
  },

  deleteVolume(call: Call, path: string): void {
    onVolume(call, path, "delete", (vol, doing) =>
      checked(call, doing, call.lib.virStorageVolDelete(vol, 0)),
    );
  },
};
