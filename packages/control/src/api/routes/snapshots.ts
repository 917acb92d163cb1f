import { isSnapshot } from "../../operations/parts/snapshot-identity.ts";
import type { CleanState } from "../../watch/clean-states/clean-states.ts";
import { asDocument } from "../contract/document.ts";
import { SnapshotList } from "../contract/snapshot-list.ts";
import { findVm } from "../find-vm.ts";
import { defineRoute } from "../route.ts";
import { VmParams } from "./vms.ts";

export const snapshots = defineRoute({
  path: "/api/v1/vms/:vm/snapshots",
  summary: "The saved states of a VM, parents before their children",
  access: { action: "vm.read" },
  params: VmParams,
  answer: SnapshotList,
  async handle({ params, signal }, services) {
    const { host, target } = await findVm(services, params.vm, signal);
    const found = await host.hypervisor.snapshots.list(target.uuid, signal);
    const known = await services.cleanStates.of(target.uuid);
    const items = found.map((snapshot) => {
      const { name, parent, current, createdAt, state } = snapshot;
      const clean = known.find((each) => isSnapshot(snapshot, each));
      return {
        ...{ name, current, state, createdAt: createdAt.toISOString() },
        ...(parent === undefined ? {} : { parent }),
        ...(clean === undefined ? {} : { clean: describe(clean) }),
      };
    });
    return asDocument("SnapshotList", { items });
  },
});

function describe({ knownAt, looked, total, doubtedBy }: CleanState) {
  return { knownAt, looked, total, ...(doubtedBy === undefined ? {} : { doubtedBy }) };
}
