import { dirname, join } from "node:path";
import type { HostAgent } from "@casemate/agent";
import { type CloneIdentity, cloneDefinition, isolatedLabel } from "@casemate/agent";
import { MiB, toCasemateError } from "@casemate/core";
import { Type } from "typebox";
import { defineOperation } from "../spine/operation.ts";
import { deriveIdentity } from "./parts/derive-identity.ts";
import { endJob } from "./parts/end-job.ts";
import { findSnapshot } from "./parts/find-snapshot.ts";
import { findVm } from "./parts/find-vm.ts";
import { jobProgress } from "./parts/job-progress.ts";
import { type CloneDisk, type CloneWay, planClone } from "./parts/plan-clone.ts";
import { presentCopies } from "./parts/present-copies.ts";
import { presentFiles } from "./parts/present-files.ts";
import { refused } from "./parts/refused.ts";
import { removeFiles } from "./parts/remove-files.ts";
import { sameGuest } from "./parts/same-guest.ts";
import {
  type SnapshotIdentity,
  snapshotIdentity,
  snapshotWords,
} from "./parts/snapshot-identity.ts";
import { takenMacs } from "./parts/taken-macs.ts";
import { verifyFreeSpace } from "./parts/verify-free-space.ts";
import { verifyNameFree } from "./parts/verify-name-free.ts";
import { verifyNewFiles } from "./parts/verify-new-files.ts";
import { vmName } from "./parts/vm-name.ts";
import { waitForJob } from "./parts/wait-for-job.ts";
import { readVm, verifyState } from "./vm-facts.ts";

type Details = {
  readonly source: string;
  readonly runId: number | null;
  readonly definition: string;
  readonly persistent: boolean;
  readonly uuid: string;
  readonly name: string;
  readonly macs: Readonly<Record<string, string>>;
  /** What the VM is known by now: an earlier state of it is not free of that. */
  readonly labels: readonly string[];
  readonly snapshot: SnapshotIdentity | null;
  readonly way: CloneWay;
  readonly disks: readonly CloneDisk[];
  readonly internal: string | null;
  readonly freeze: {
    readonly name: string;
    readonly overlays: Readonly<Record<string, string>>;
  } | null;
  readonly nvram: { readonly from: string | null; readonly to: string } | null;
};

/** Makes a new VM from a state of another. */
export const cloneVm = defineOperation({
  id: "vm.clone",
  summary: "Make a new VM from a state of this one",
  on: "vm",
  parameters: Type.Object(
    {
      name: vmName,
      linked: Type.Optional(
        Type.Boolean({ description: "Share what the disks hold now instead of copying it." }),
      ),
      snapshot: Type.Optional(
        Type.String({
          minLength: 1,
          maxLength: 255,
          description: "The state; the present one unless said.",
        }),
      ),
      pool: Type.Optional(
        Type.String({ description: "Where its disks are made; beside the source's unless said." }),
      ),
    },
    { additionalProperties: false },
  ),
  async plan({ host, target, parameters, requestId }, signal) {
    const { name, linked = false, pool } = parameters;
    const vm = await readVm(host, target, signal);
    const doing = `clone ${vm.name} to ${name}`;
    verifyState("clone", vm, ["running", "blocked", "paused", "shutoff", "crashed"]);
    const vms = await host.hypervisor.domains.list(signal);
    verifyNameFree(doing, name, vms);
    if (vm.hostDevices > 0)
      throw refused(doing, "it has devices of the host", "none: two VMs cannot share them");
    const snapshot =
      parameters.snapshot === undefined
        ? undefined
        : await findSnapshot(doing, host, vm.uuid, parameters.snapshot, signal);
    const identity = deriveIdentity(requestId);
    const cloned = await planClone(
      { doing, vm, name, linked, snapshot, pool, identity },
      host,
      signal,
    );
    const { way, disks, internal, freeze, definition } = cloned;
    const taken = takenMacs(vms);
    const macs = Object.fromEntries(
      definition.nics.map(({ mac }, index) => [mac, identity.mac(index, taken)]),
    );
    const nvram = await planNvram(
      host,
      definition.firmware.nvram,
      disks[0]?.to,
      name,
      identity.tag,
      signal,
    );
    const details: Details = {
      ...{ source: vm.uuid, runId: vm.runId ?? null, definition: definition.digest },
      ...{ persistent: vm.persistent, uuid: identity.uuid, name, macs, labels: [...vm.labels] },
      snapshot: snapshot === undefined ? null : snapshotIdentity(snapshot),
      ...{ way, disks, internal, freeze, nvram },
    };
    const labels = [...vm.labels, ...definition.labels];
    const files = filesOf(details);
    await verifyNewFiles(doing, host, [...files, ...Object.values(freeze?.overlays ?? {})], signal);
    const first = files.map((path) => ({ path, bytes: (cloned.firstBytes.get(path) ?? 0) + MiB }));
    await verifyFreeSpace(doing, host, first, signal);
    const from =
      snapshot === undefined ? "its present state" : `snapshot ${snapshotWords(snapshot)}`;
    return {
      steps: [
        ...(freeze === null
          ? []
          : [
              `Take the external snapshot ${freeze.name} of ${vm.name}: what its disks hold now is not written any more, and it goes on in new files.`,
            ]),
        ...disks.map((disk) => stepWords(way, disk, from)),
        ...(nvram === null
          ? []
          : [
              nvram.from === null
                ? "Its EFI variables begin empty: boot entries and enrolled keys are not taken over."
                : `Copy the EFI variables to ${nvram.to}.`,
            ]),
        `Define ${name} with UUID ${identity.uuid} and the addresses ${Object.values(macs).join(", ") || "of no interface"}; it is not started.`,
        ...(labels.includes(isolatedLabel)
          ? [`It is isolated from its first start on, as ${vm.name} is, until it is released.`]
          : []),
        ...(definition.tpm === undefined
          ? []
          : [
              "Its TPM begins empty: what is sealed to the source's (disk keys, credentials) cannot be opened in it.",
            ]),
        ...(snapshot?.memory.kind === "none" || snapshot === undefined
          ? []
          : ["The memory of the snapshot is not taken over: it boots."]),
        ...(vm.runId !== undefined && snapshot === undefined
          ? ["Its disks are as after a power cut of the source at one moment."]
          : []),
        ...sameGuest,
      ],
      effects: [
        { kind: "vm", id: identity.uuid, change: "created" },
        ...files.map((id) => ({ kind: "disk", id, change: "created" }) as const), // literals
        ...(freeze === null
          ? []
          : [{ kind: "snapshot", id: freeze.name, change: "created" } as const]), // literals
        ...(way === "overlay" && freeze === null
          ? []
          : disks.map(({ from: id }) => ({ kind: "disk", id, change: "read" }) as const)), // literals
      ],
      irreversible:
        way === "overlay"
          ? [
              `${disks.map((disk) => disk.from).join(", ")} cannot be changed or deleted for as long as ${name} rests on it.`,
            ]
          : [],
      destroysState: false,
      downtime: false,
      diskBytes: cloned.mostBytes,
      details,
    };
  },
  async execute(call, signal) {
    const { host, plan } = call;
    const { source, way, disks, internal, freeze, nvram } = plan.details;
    const { domains, images, snapshots, storage } = host.hypervisor;
    if (freeze !== null) {
      const { name, overlays } = freeze;
      const description = `What ${plan.details.name} rests on.`;
      await snapshots.create(
        source,
        { kind: "external", name, description, overlays },
        undefined,
        signal,
      );
    }
    if (way === "backup") {
      const files = Object.fromEntries(disks.map(({ target, to }) => [target, to]));
      await images.backup(source, files, jobProgress(call, "copying its disks"), signal);
    } else {
      for (const [index, { from, fromFormat, to }] of disks.entries()) {
        const onProgress = jobProgress(
          call,
          `making ${to}`,
          index / disks.length,
          (index + 1) / disks.length,
        );
        if (way === "overlay") {
          const backingFormat = fromFormat === "qcow2" ? "qcow2" : "raw";
          await images.createOverlay({ path: to, backing: from, backingFormat }, signal);
          continue;
        }
        const copy = { from, fromFormat, to, toFormat: "qcow2" } as const; // a literal
        const part = internal === null ? {} : { snapshot: internal };
        await images.copy({ ...copy, ...part }, onProgress, signal);
      }
    }
    if (nvram !== null && nvram.from !== null) {
      await storage.copyFile(nvram.from, nvram.to, undefined, signal);
    }
    // Last: a clone that is there is whole.
    const xml = await readSource(host, plan.details, signal);
    await domains.define(cloneDefinition(xml, identityOf(plan.details)), signal);
  },
  async look({ host, plan: { details }, executed }, signal) {
    const { uuid, name, source, way, freeze } = details;
    if (freeze !== null && !executed) await waitForJob(host, source, signal);
    const vm = await findVm(host, uuid, signal);
    if (vm !== undefined) return { kind: "done", result: { uuid, name } };
    const files = filesOf(details);
    const left =
      way === "backup"
        ? [...(await presentCopies(host, source, files, signal))]
        : [...(await presentFiles(host, files, signal))];
    if (freeze !== null) {
      const taken = await host.hypervisor.snapshots.list(source, signal);
      if (taken.some((snapshot) => snapshot.name === freeze.name))
        left.push(`snapshot ${freeze.name}`);
    }
    return left.length === 0 ? { kind: "undone" } : { kind: "partial", what: left.join(", ") };
  },
  async undo({ host, plan: { details } }, signal) {
    const { uuid, source, way, freeze } = details;
    const { domains, snapshots } = host.hypervisor;
    if ((await findVm(host, uuid, signal)) !== undefined) {
      await domains.undefine(uuid, { nvram: "keep", tpm: "delete" }, signal);
    }
    if (way === "backup") await endJob(host, source, signal);
    await removeFiles(host, filesOf(details), signal);
    if (freeze === null) return;
    const taken = await snapshots.list(source, signal);
    // Nothing rests on it any more: the source gets its disks back as they were named.
    if (taken.some(({ name }) => name === freeze.name)) {
      await snapshots.remove(source, freeze.name, {}, undefined, signal);
    }
  },
});

/** Everything that is made for the clone. */
function filesOf({ disks, nvram }: Pick<Details, "disks" | "nvram">): readonly string[] {
  return [...disks.map(({ to }) => to), ...(nvram === null ? [] : [nvram.to])];
}

async function planNvram(
  { hypervisor: { storage } }: HostAgent,
  from: string | undefined,
  disk: string | undefined,
  name: string,
  tag: string,
  signal: AbortSignal,
): Promise<Details["nvram"]> {
  if (from === undefined || disk === undefined) return null;
  const to = join(dirname(disk), `${name}-${tag}_VARS.fd`);
  try {
    return { from: (await storage.stat(from, signal)) === undefined ? null : from, to };
  } catch (thrown) {
    // libvirt keeps them where nobody but it reads them: the clone's firmware begins with its own.
    if (toCasemateError(thrown).code === "storage/outside") return { from: null, to };
    throw thrown;
  }
}

function identityOf({ uuid, name, macs, labels, disks, nvram }: Details): CloneIdentity {
  return {
    ...{ uuid, name, macs, labels },
    disks: Object.fromEntries(
      disks.map(({ target, to }) => [target, { path: to, format: "qcow2" }]),
    ),
    ...(nvram === null ? {} : { nvram: nvram.to }),
  };
}

/** The definition to clone: what the snapshot kept, or that of the next start, with its passwords. */
async function readSource(
  { hypervisor: { domains, snapshots } }: HostAgent,
  { source, snapshot, persistent }: Details,
  signal: AbortSignal,
): Promise<string> {
  const kept =
    snapshot === null ? undefined : await snapshots.definition(source, snapshot.name, signal);
  return (
    kept ?? (await domains.definitionWithSecrets(source, persistent ? "inactive" : "live", signal))
  );
}

function stepWords(way: CloneWay, { target, from, to }: CloneDisk, state: string): string {
  switch (way) {
    case "copy":
      return `Copy ${from} (${target}) as of ${state} to ${to}.`;
    case "backup":
      return `Copy ${from} (${target}) as it is at one moment to ${to}; the source runs on.`;
    case "overlay":
      return `Make ${to} (${target}), which holds only what differs from ${from}.`;
  }
}
