import type { HostAgent } from "@casemate/agent";
import { Type } from "typebox";
import { defineOperation } from "../spine/operation.ts";
import { findSnapshot, isExternal } from "./parts/find-snapshot.ts";
import { jobProgress } from "./parts/job-progress.ts";
import { readDiskChain } from "./parts/read-disk-chain.ts";
import { refused } from "./parts/refused.ts";
import { isSnapshot, snapshotIdentity, snapshotWords } from "./parts/snapshot-identity.ts";
import { verifyUnused } from "./parts/verify-unused.ts";
import { waitForJob } from "./parts/wait-for-job.ts";
import { readVm } from "./vm-facts.ts";

/** Deletes a saved state of a VM. */
export const deleteSnapshot = defineOperation({
  id: "vm.snapshot.delete",
  summary: "Delete a snapshot of a VM",
  on: "vm",
  parameters: Type.Object(
    {
      name: Type.String({ minLength: 1, maxLength: 255 }),
      children: Type.Optional(
        Type.Boolean({ description: "Delete those that were taken on top of it too." }),
      ),
    },
    { additionalProperties: false },
  ),
  async plan({ host, target, parameters: { name, children = false } }, signal) {
    const vm = await readVm(host, target, signal);
    const doing = `delete snapshot ${name} of ${vm.name}`;
    await findSnapshot(doing, host, vm.uuid, name, signal);
    const removal = await host.hypervisor.snapshots.planRemove(vm.uuid, name, { children }, signal);
    const all = await host.hypervisor.snapshots.list(vm.uuid, signal);
    const going = all.filter((snapshot) => removal.snapshots.includes(snapshot.name));
    const facts = await host.hypervisor.facts(signal);
    if (going.some(isExternal)) {
      if (!facts.externalSnapshotDelete) {
        throw refused(
          doing,
          `libvirt ${facts.libvirtVersion} cannot merge external ones`,
          "9.0 or newer",
        );
      }
      const internal = going.filter(isExternal).map(({ parent }) => parent);
      const below = all.find((each) => internal.includes(each.name) && !isExternal(each));
      if (below !== undefined) {
        throw refused(
          doing,
          `it stands on ${below.name}, which is internal`,
          "none or an external one below",
        );
      }
      // What is merged into changes under everything that rests on it.
      const files = [...removal.files, ...(await readOwnLayers(host, vm.uuid, signal))];
      await verifyUnused(doing, host, files, vm.uuid, signal);
    }
    const kept = all.filter(
      ({ parent }) => parent !== undefined && removal.snapshots.includes(parent),
    );
    const orphans = kept.filter((snapshot) => !going.includes(snapshot));
    return {
      steps: [
        ...going.map((snapshot) => `Delete snapshot ${snapshotWords(snapshot)}.`),
        ...removal.files.map(
          (file) => `Remove ${file}, what it holds of the disk merged with what is left.`,
        ),
        ...orphans.map((snapshot) => `Snapshot ${snapshot.name} stays, on top of what was below.`),
        `The present state of ${vm.name} stays as it is.`,
      ],
      effects: [
        ...going.map((each) => ({ kind: "snapshot", id: each.name, change: "removed" }) as const), // literals
        ...removal.files.map((id) => ({ kind: "disk", id, change: "removed" }) as const), // literals
      ],
      irreversible: going.map(
        (snapshot) => `${vm.name} can never go back to ${snapshotWords(snapshot)}.`,
      ),
      destroysState: true,
      downtime: false,
      diskBytes: 0,
      details: {
        ...{ uuid: vm.uuid, name, children, snapshots: going.map(snapshotIdentity) },
        files: [...removal.files],
      },
    };
  },
  async execute(call, signal) {
    const { host, plan } = call;
    const { uuid, name, children } = plan.details;
    const onProgress = jobProgress(call, `deleting snapshot ${name}`);
    await host.hypervisor.snapshots.remove(uuid, name, { children }, onProgress, signal);
  },
  async look({ host, plan: { details } }, signal) {
    await waitForJob(host, details.uuid, signal);
    const now = await host.hypervisor.snapshots.list(details.uuid, signal);
    const left = details.snapshots.filter((identity) =>
      now.some((each) => isSnapshot(each, identity)),
    );
    if (left.length === 0) return { kind: "done" };
    if (left.length === details.snapshots.length) return { kind: "undone" };
    return {
      kind: "partial",
      what: `of the snapshots ${left.map(({ name }) => name).join(", ")} are left`,
    };
  },
});

/** What lies below the VM's disks, as deep as it goes. */
async function readOwnLayers(
  host: HostAgent,
  uuid: string,
  signal: AbortSignal,
): Promise<string[]> {
  const { disks } = await host.hypervisor.domains.find(uuid, signal);
  const layers: string[] = [];
  for (const disk of disks) {
    if (disk.readonly) continue;
    layers.push(...(await readDiskChain(host, disk, signal)).map(({ path }) => path));
  }
  return layers;
}
