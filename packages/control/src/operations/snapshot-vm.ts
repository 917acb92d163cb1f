import { dirname, join } from "node:path";
import type { DomainDescription, HostAgent, HypervisorFacts } from "@casemate/agent";
import { type JsonObject, MiB, toCasemateError } from "@casemate/core";
import { Type } from "typebox";
import { defineOperation } from "../spine/operation.ts";
import { deriveIdentity } from "./parts/derive-identity.ts";
import { readDiskImage } from "./parts/disk-image.ts";
import { jobProgress } from "./parts/job-progress.ts";
import { presentFiles } from "./parts/present-files.ts";
import { refused } from "./parts/refused.ts";
import { removeFiles } from "./parts/remove-files.ts";
import { verifyFreeSpace } from "./parts/verify-free-space.ts";
import { verifyNewFiles } from "./parts/verify-new-files.ts";
import { waitForJob } from "./parts/wait-for-job.ts";
import { readVm, verifyState } from "./vm-facts.ts";

/** A disk that a snapshot keeps. */
type KeptDisk = { readonly target: string; readonly path: string; readonly format: string };

/** Saves a state of a VM, to which it can go back. */
export const snapshotVm = defineOperation({
  id: "vm.snapshot",
  summary: "Take a snapshot of a VM",
  on: "vm",
  parameters: Type.Object(
    {
      name: Type.String({ pattern: "^[A-Za-z0-9][A-Za-z0-9._+-]{0,62}$" }),
      description: Type.Optional(Type.String({ maxLength: 1_024 })),
      kind: Type.Optional(
        Type.Union([Type.Literal("internal"), Type.Literal("external")], {
          description:
            "Inside the disks' qcow2 images, or with the disks going on in new files; internal where the host and the disks can, unless said.",
        }),
      ),
      memory: Type.Optional(
        Type.Boolean({
          description: "Whether the memory of a running VM is kept too; it is, unless said.",
        }),
      ),
    },
    { additionalProperties: false },
  ),
  async plan({ host, target, parameters, requestId }, signal) {
    const { name, description } = parameters;
    const vm = await readVm(host, target, signal);
    const doing = `take a snapshot of ${vm.name}`;
    verifyState("take a snapshot of", vm, ["running", "blocked", "paused", "shutoff"]);
    const facts = await host.hypervisor.facts(signal);
    const existing = await host.hypervisor.snapshots.list(vm.uuid, signal);
    if (existing.some((snapshot) => snapshot.name === name)) {
      throw refused(doing, `it has a snapshot ${name}`, "another name");
    }
    const disks = await readKeptDisks(doing, host, vm, signal);
    const runs = vm.runId !== undefined;
    const memory = runs && (parameters.memory ?? true);
    const obstacle = internalObstacle(vm, disks, facts, runs && !memory);
    const kind = parameters.kind ?? (obstacle === undefined ? "internal" : "external");
    if (kind === "internal" && obstacle !== undefined) throw refused(doing, ...obstacle);
    if (kind === "external" && !facts.externalSnapshots) {
      throw refused(
        doing,
        `libvirt ${facts.libvirtVersion} cannot take external ones`,
        "one that can",
      );
    }
    if (memory && vm.hostDevices > 0) {
      throw refused(
        doing,
        "it has devices of the host, whose state cannot be saved",
        "no memory to be kept",
      );
    }
    const { tag } = deriveIdentity(requestId);
    const overlays: Record<string, string> = {};
    if (kind === "external") {
      for (const { target: disk, path } of disks) {
        overlays[disk] = join(dirname(path), `${vm.uuid.slice(0, 8)}-${disk}-${tag}.qcow2`);
      }
    }
    const [first] = disks;
    const memoryFile =
      kind === "external" && memory && first !== undefined
        ? join(dirname(first.path), `${vm.uuid.slice(0, 8)}-${tag}.mem`)
        : null;
    const files = [...Object.values(overlays), ...(memoryFile === null ? [] : [memoryFile])];
    await verifyNewFiles(doing, host, files, signal);
    const diskBytes = memory ? vm.maxMemory : 0;
    const growing = memoryFile ?? first?.path;
    const bytes = diskBytes + MiB * disks.length;
    const roomSeen =
      growing === undefined || (await seesRoom(doing, host, { path: growing, bytes }, signal));
    const stands =
      kind === "internal" ? "stands still until it is written" : "stands still for a moment";
    return {
      steps: [
        ...(memory
          ? [
              `Save the memory of ${vm.name} ${memoryFile === null ? "inside its disk" : `to ${memoryFile}`}; it ${stands}.`,
            ]
          : []),
        ...(kind === "internal"
          ? [
              `Keep the present state of ${disks.map((disk) => disk.target).join(", ")} inside the images as ${name}.`,
            ]
          : disks.map(
              (disk) =>
                `Keep ${disk.path} (${disk.target}) as it is; ${vm.name} goes on in ${overlays[disk.target]}.`,
            )),
        ...(runs && !memory
          ? ["The disks are as after a power cut: nobody asks the guest to write its caches."]
          : []),
        ...(roomSeen
          ? []
          : ["Whether its file system has room for that cannot be seen: it is in no pool."]),
        ...(kind === "external" && !facts.externalSnapshotRevert
          ? [
              `libvirt ${facts.libvirtVersion} cannot go back to an external snapshot (9.9 can); a clone can be made of it.`,
            ]
          : []),
      ],
      effects: [
        { kind: "snapshot", id: name, change: "created" },
        ...files.map((id) => ({ kind: "disk", id, change: "created" }) as const), // literals
        ...(memory ? [{ kind: "vm", id: vm.uuid, change: "interrupted" } as const] : []), // literals
      ],
      irreversible: [],
      destroysState: false,
      downtime: memory,
      diskBytes,
      details: {
        ...{ uuid: vm.uuid, runId: vm.runId ?? null, definition: vm.digest, disks: [...disks] },
        ...{ name, description: description ?? null, kind, overlays, memoryFile },
      },
    };
  },
  async execute(call, signal) {
    const { host, plan } = call;
    const { uuid, name, description, kind, overlays, memoryFile } = plan.details;
    const named = { name, ...(description === null ? {} : { description }) };
    const onProgress = jobProgress(call, `taking snapshot ${name}`);
    const request =
      kind === "internal"
        ? { ...named, kind }
        : { ...named, kind, overlays, ...(memoryFile === null ? {} : { memory: memoryFile }) };
    await host.hypervisor.snapshots.create(uuid, request, onProgress, signal);
  },
  async look({ host, plan: { details } }, signal) {
    const { uuid, name } = details;
    await waitForJob(host, uuid, signal);
    const snapshots = await host.hypervisor.snapshots.list(uuid, signal);
    const taken = snapshots.find((snapshot) => snapshot.name === name);
    if (taken !== undefined) {
      const createdAt = taken.createdAt.toISOString();
      return { kind: "done", result: { name, createdAt } satisfies JsonObject };
    }
    const left = await presentFiles(host, newFiles(details), signal);
    return left.length === 0
      ? { kind: "undone" }
      : { kind: "partial", what: `files of no snapshot: ${left.join(", ")}` };
  },
  async undo({ host, plan: { details } }, signal) {
    // Refused for an overlay that the VM writes to.
    await removeFiles(host, newFiles(details), signal);
  },
});

function newFiles(details: {
  readonly overlays: Readonly<Record<string, string>>;
  readonly memoryFile: string | null;
}): readonly string[] {
  const { overlays, memoryFile } = details;
  return [...Object.values(overlays), ...(memoryFile === null ? [] : [memoryFile])];
}

/** False where the disk is in no pool, so that its file system is not looked at. Throws as `verifyFreeSpace`. */
async function seesRoom(
  doing: string,
  host: HostAgent,
  file: { readonly path: string; readonly bytes: number },
  signal: AbortSignal,
): Promise<boolean> {
  try {
    await verifyFreeSpace(doing, host, [file], signal);
    return true;
  } catch (thrown) {
    const { code } = toCasemateError(thrown);
    if (code === "storage/outside" || code === "storage/unknown") return false;
    throw thrown;
  }
}

/** The disks that a guest writes, each in a file. */
async function readKeptDisks(
  doing: string,
  host: HostAgent,
  { disks }: DomainDescription,
  signal: AbortSignal,
): Promise<readonly KeptDisk[]> {
  const kept: KeptDisk[] = [];
  for (const disk of disks) {
    if (disk.readonly || disk.source.kind === "none") continue;
    const { target, format } = disk;
    const image = await readDiskImage(host, disk, signal);
    if (image === undefined || image.block) {
      throw refused(doing, `its disk ${target} is no file`, "all disks it writes to be files");
    }
    kept.push({ target, path: image.path, format });
  }
  if (kept.length === 0)
    throw refused(doing, "it has no disk that it writes", "one to keep the state of");
  return kept;
}

/** Why the state cannot be kept inside the images: what was seen and what was needed. */
function internalObstacle(
  { firmware, hostDevices }: DomainDescription,
  disks: readonly KeptDisk[],
  facts: HypervisorFacts,
  withoutMemory: boolean,
): readonly [seen: string, needed: string] | undefined {
  if (!facts.internalSnapshots) {
    return [`libvirt ${facts.libvirtVersion} cannot take internal ones`, "an external one"];
  }
  // What follows is QEMU's.
  if (facts.driver !== "QEMU") return undefined;
  if (withoutMemory) return ["an internal one of a running VM keeps its memory", "an external one"];
  const other = disks.find(({ format }) => format !== "qcow2");
  if (other !== undefined)
    return [`its disk ${other.target} is ${other.format}`, "qcow2, or an external one"];
  if (firmware.kind === "efi" && !facts.internalSnapshotsOfEfi) {
    return [
      `libvirt ${facts.libvirtVersion} cannot keep EFI variables inside (10.10 can)`,
      "an external one",
    ];
  }
  if (hostDevices > 0) return ["it has devices of the host", "an external one of its disks alone"];
  return undefined;
}
