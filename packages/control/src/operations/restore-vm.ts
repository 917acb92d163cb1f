import { describeDomain, type HostAgent, isCutLabel, isolatedLabel } from "@casemate/agent";
import { Type } from "typebox";
import { defineOperation } from "../spine/operation.ts";
import { findDroppedDisks } from "./parts/find-dropped-disks.ts";
import { findSnapshot, isExternal } from "./parts/find-snapshot.ts";
import { refused } from "./parts/refused.ts";
import { isSnapshot, snapshotIdentity, snapshotWords } from "./parts/snapshot-identity.ts";
import { verifyUnused } from "./parts/verify-unused.ts";
import { waitForJob } from "./parts/wait-for-job.ts";
import { readVm, verifyState } from "./vm-facts.ts";

/** Takes a VM back to a snapshot. */
export const restoreVm = defineOperation({
  id: "vm.restore",
  summary: "Go back to a snapshot of a VM",
  on: "vm",
  launches: true,
  parameters: Type.Object(
    {
      snapshot: Type.String({ minLength: 1, maxLength: 255 }),
      state: Type.Optional(
        Type.Union([Type.Literal("running"), Type.Literal("paused")], {
          description: "What the VM does afterwards; what it did then, unless said.",
        }),
      ),
    },
    { additionalProperties: false },
  ),
  async plan({ host, target, parameters }, signal) {
    const vm = await readVm(host, target, signal);
    const doing = `restore ${vm.name} to ${parameters.snapshot}`;
    verifyState("restore", vm, ["running", "blocked", "paused", "shutoff", "crashed"]);
    const snapshot = await findSnapshot(doing, host, vm.uuid, parameters.snapshot, signal);
    const facts = await host.hypervisor.facts(signal);
    if (isExternal(snapshot) && !facts.externalSnapshotRevert) {
      throw refused(
        doing,
        `it is an external snapshot, and libvirt is ${facts.libvirtVersion}`,
        "libvirt 9.9 or newer",
        "Make a clone of the snapshot with `casemate vm clone`, or upgrade libvirt.",
      );
    }
    const others = await host.hypervisor.snapshots.list(vm.uuid, signal);
    const later = others
      .filter(({ createdAt }) => createdAt > snapshot.createdAt)
      .map(({ name }) => name)
      .toSorted();
    const kept = await host.hypervisor.snapshots.definition(vm.uuid, snapshot.name, signal);
    const machine = kept === undefined ? undefined : describeDomain(kept);
    const dropped =
      machine === undefined ? [] : findDroppedDisks(vm, machine, isExternal(snapshot));
    const written = vm.disks.flatMap(({ source, readonly, target }) =>
      "path" in source && !readonly && !dropped.some((each) => each.target === target)
        ? [source.path]
        : [],
    );
    await verifyUnused(doing, host, written, vm.uuid, signal);
    const runs = vm.runId !== undefined;
    const changed =
      snapshot.definitionDigest !== undefined && snapshot.definitionDigest !== vm.digest;
    const then = machine?.labels ?? [];
    const isolated = [...vm.labels, ...then].includes(isolatedLabel);
    const since = snapshot.createdAt.toISOString();
    const after =
      parameters.state ?? (snapshot.memory.kind === "none" ? "shutoff" : snapshot.state);
    return {
      steps: [
        ...(runs ? [`Stop ${vm.name} by force; the guest is not asked.`] : []),
        `Take its disks ${snapshot.memory.kind === "none" ? "" : "and memory "}back to snapshot ${snapshotWords(snapshot)}.`,
        ...(changed
          ? ["Take its definition back too: devices and sizes are those of then; its labels stay."]
          : []),
        ...dropped.map(
          ({ target, path }) => `${target} is no disk of it afterwards; ${path} stays as it is.`,
        ),
        after === "shutoff"
          ? `${vm.name} is off afterwards.`
          : `${vm.name} is ${after} afterwards.`,
        ...(isolated
          ? [
              vm.labels.includes(isolatedLabel)
                ? "It stays isolated, with nothing kept open."
                : "It was isolated then and is so again, with nothing kept open.",
            ]
          : []),
        ...([...vm.labels, ...then].some(isCutLabel)
          ? ["Processes that are cut off the network, or were then, are so where memory has them."]
          : []),
        ...(later.length > 0 ? [`Later snapshots stay: ${later.join(", ")}.`] : []),
        "Inside the guest the clock, session keys and counters are those of then; what was patched, revoked or changed since is as before.",
      ],
      effects: [
        { kind: "vm", id: vm.uuid, change: runs ? "interrupted" : "changed" },
        ...written.map((id) => ({ kind: "disk", id, change: "changed" }) as const), // literals
      ],
      irreversible: [
        `Everything written to its disks since ${since} that no later snapshot keeps is lost.`,
        ...(runs ? ["What its guest has in memory now is lost."] : []),
        ...(changed ? [`Changes to its definition since ${since} are lost.`] : []),
        ...(vm.managedSave ? ["The state it was saved in is lost."] : []),
      ],
      destroysState: true,
      downtime: runs,
      diskBytes: 0,
      details: {
        ...{ uuid: vm.uuid, runId: vm.runId ?? null, definition: vm.digest, after, isolated },
        ...{ managedSave: vm.managedSave, state: parameters.state ?? null, later },
        ...{ snapshot: snapshotIdentity(snapshot), wasCurrent: snapshot.current },
      },
    };
  },
  async execute({ host, plan: { details } }, signal) {
    const { uuid, snapshot, state } = details;
    // What libvirt calls risky is that another QEMU runs afterwards: the plan says so.
    const options = { force: true, ...(state === null ? {} : { state }) };
    await host.hypervisor.snapshots.revert(uuid, snapshot.name, options, signal);
  },
  async look({ host, plan: { details }, executed }, signal) {
    const { uuid, runId, snapshot, wasCurrent, after, isolated } = details;
    await waitForJob(host, uuid, signal);
    const vm = await host.hypervisor.domains.find(uuid, signal);
    const snapshots = await host.hypervisor.snapshots.list(uuid, signal);
    const now = snapshots.find((each) => isSnapshot(each, snapshot));
    if (now === undefined) return { kind: "unknown", why: "The snapshot is not there any more." };
    const sameRun = (vm.runId ?? null) === runId;
    if (now.current && (executed || !wasCurrent)) {
      return isolated && !(await isIsolated(host, uuid, signal))
        ? { kind: "partial", what: "its state, which is not isolated" }
        : { kind: "done", result: { state: vm.state } };
    }
    // It is current only once all else is done.
    if (!now.current && sameRun) return { kind: "undone" };
    // With QEMU, a restore ends the run that it finds.
    const { driver } = await host.hypervisor.facts(signal);
    if (runId !== null && sameRun && driver === "QEMU") return { kind: "undone" };
    if (now.current && runId === null && after !== "shutoff") {
      return { kind: sameRun ? "undone" : "done" };
    }
    return {
      kind: "unknown",
      why: "Nothing shows whether the VM went back or was only stopped or started.",
    };
  },
});

/** Whether the VM is off the network, and so in its next run. */
async function isIsolated(host: HostAgent, uuid: string, signal: AbortSignal): Promise<boolean> {
  const { labelled, interfaces } = await host.hypervisor.network.isolation(uuid, signal);
  return labelled && interfaces.every((each) => each.isolated);
}
