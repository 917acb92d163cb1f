import type { DomainSnapshot } from "../domain-snapshot.ts";
import { flagBits, type LibvirtFlags } from "../flags.ts";
import { virErrorNumber } from "../libvirt-error.ts";
import type { VirDomain, VirDomainSnapshot } from "../prototypes.ts";
import { type Call, callFailed, checked, mapAll, onDomain, using } from "./call.ts";

function parentName(call: Call, doing: string, snapshot: VirDomainSnapshot): string | undefined {
  const { lib } = call;
  const parent = lib.virDomainSnapshotGetParent(snapshot, 0);
  if (parent === null) {
    const failed = callFailed(lib, doing, "libvirt/failed", call.conn);
    // How libvirt answers for a root.
    if (failed.failure.number === virErrorNumber.noDomainSnapshot) return undefined;
    throw failed;
  }
  return using(parent, lib.virDomainSnapshotFree, (object) =>
    checked(call, doing, lib.virDomainSnapshotGetName(object)),
  );
}

function onSnapshot<T>(
  call: Call,
  uuid: string,
  name: string,
  verb: string,
  use: (snapshot: VirDomainSnapshot, doing: string) => T,
): T {
  const { lib } = call;
  return onDomain(call, uuid, `${verb} snapshot ${name} of`, (dom: VirDomain, doing) => {
    const found = checked(call, doing, lib.virDomainSnapshotLookupByName(dom, name, 0));
    return using(found, lib.virDomainSnapshotFree, (snapshot) => use(snapshot, doing));
  });
}

export const snapshotCalls = {
  /** The new snapshot's name. */
  createSnapshot(
    call: Call,
    uuid: string,
    xml: string,
    flags: LibvirtFlags<"snapshotCreate">,
  ): string {
    const { lib } = call;
    return onDomain(call, uuid, "take a snapshot of", (dom, doing) => {
      const bits = flagBits("snapshotCreate", flags);
      const taken = checked(call, doing, lib.virDomainSnapshotCreateXML(dom, xml, bits));
      return using(taken, lib.virDomainSnapshotFree, (snapshot) =>
        checked(call, doing, lib.virDomainSnapshotGetName(snapshot)),
      );
    });
  },

  listSnapshots(call: Call, uuid: string): DomainSnapshot[] {
    const { lib } = call;
    return onDomain(call, uuid, "list the snapshots of", (dom, doing) =>
      mapAll<VirDomainSnapshot, DomainSnapshot>(
        call,
        doing,
        virErrorNumber.noDomainSnapshot,
        (out) => lib.virDomainListAllSnapshots(dom, out, 0),
        lib.virDomainSnapshotFree,
        (snapshot) => ({
          name: checked(call, doing, lib.virDomainSnapshotGetName(snapshot)),
          parent: parentName(call, doing, snapshot),
          current: checked(call, doing, lib.virDomainSnapshotIsCurrent(snapshot, 0)) === 1,
        }),
      ),
    );
  },

  snapshotXml(call: Call, uuid: string, name: string): string {
    return onSnapshot(call, uuid, name, "read", (snapshot, doing) =>
      checked(call, doing, call.lib.virDomainSnapshotGetXMLDesc(snapshot, 0)),
    );
  },

  revertToSnapshot(
    call: Call,
    uuid: string,
    name: string,
    flags: LibvirtFlags<"snapshotRevert">,
  ): void {
    const bits = flagBits("snapshotRevert", flags);
    onSnapshot(call, uuid, name, "revert to", (snapshot, doing) =>
      checked(call, doing, call.lib.virDomainRevertToSnapshot(snapshot, bits)),
    );
  },

  deleteSnapshot(
    call: Call,
    uuid: string,
    name: string,
    flags: LibvirtFlags<"snapshotDelete">,
  ): void {
    const bits = flagBits("snapshotDelete", flags);
    onSnapshot(call, uuid, name, "delete", (snapshot, doing) =>
      checked(call, doing, call.lib.virDomainSnapshotDelete(snapshot, bits)),
    );
  },
};
