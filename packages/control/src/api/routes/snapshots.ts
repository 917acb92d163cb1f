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
    const items = found.map(({ name, parent, current, createdAt, state }) => ({
      ...{ name, current, state, createdAt: createdAt.toISOString() },
      ...(parent === undefined ? {} : { parent }),
    }));
    return asDocument("SnapshotList", { items });
  },
});
