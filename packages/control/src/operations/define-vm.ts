import type { HostAgent } from "@casemate/agent";
import { describeDomain } from "@casemate/agent";
import { CasemateError, formatBytes, MiB } from "@casemate/core";
import { type Static, Type } from "typebox";
import { defineOperation } from "../spine/operation.ts";
import type { PlanDraft } from "../spine/plan.ts";
import { deriveIdentity } from "./parts/derive-identity.ts";
import { readDiskImage } from "./parts/disk-image.ts";
import { findHostPaths } from "./parts/find-host-paths.ts";
import { findVm } from "./parts/find-vm.ts";
import { formatNewVm } from "./parts/format-new-vm.ts";
import { jobProgress } from "./parts/job-progress.ts";
import {
  makeNewDisk,
  type NewDisk,
  newDiskParameter,
  newDiskWords,
  planNewDisk,
} from "./parts/new-disk.ts";
import type { NewVmDisk, NewVmNic } from "./parts/new-vm.ts";
import { nextTarget } from "./parts/next-target.ts";
import { asNicSource, nicSource, nicSourceWords } from "./parts/nic-source.ts";
import { prepareDefinition } from "./parts/prepare-definition.ts";
import { presentFiles } from "./parts/present-files.ts";
import { refused } from "./parts/refused.ts";
import { removeFiles } from "./parts/remove-files.ts";
import { takenMacs } from "./parts/taken-macs.ts";
import { verifyFreeSpace } from "./parts/verify-free-space.ts";
import { verifyMedium } from "./parts/verify-medium.ts";
import { verifyNameFree } from "./parts/verify-name-free.ts";
import { verifyNewFiles } from "./parts/verify-new-files.ts";
import { verifyUnused } from "./parts/verify-unused.ts";
import { vmName } from "./parts/vm-name.ts";

const DefineParameters = Type.Object(
  {
    xml: Type.Optional(
      Type.String({
        maxLength: 512 * 1024,
        description: "A whole definition in libvirt's XML; nothing else is said then.",
      }),
    ),
    name: Type.Optional(vmName),
    memory: Type.Optional(
      Type.Integer({ minimum: MiB, multipleOf: 1024, description: "In bytes, whole KiB." }),
    ),
    vcpus: Type.Optional(Type.Integer({ minimum: 1, maximum: 4_096 })),
    firmware: Type.Optional(Type.Union([Type.Literal("bios"), Type.Literal("efi")])),
    type: Type.Optional(
      Type.Union([Type.Literal("kvm"), Type.Literal("qemu")], {
        description: "How its processors run: by the host's virtualization unless said.",
      }),
    ),
    disks: Type.Optional(Type.Array(newDiskParameter, { maxItems: 64 })),
    media: Type.Optional(
      Type.Array(Type.String({ pattern: "^/" }), {
        maxItems: 4,
        description: "Media in drives of it.",
      }),
    ),
    nics: Type.Optional(
      Type.Array(
        Type.Object(
          { ...nicSource, model: Type.Optional(Type.String({ pattern: "^[a-z0-9-]{1,32}$" })) },
          { additionalProperties: false },
        ),
        { maxItems: 32 },
      ),
    ),
  },
  { additionalProperties: false },
);
type DefineParameters = Static<typeof DefineParameters>;

type Details = {
  readonly uuid: string;
  readonly name: string;
  /** The definition, whole: it holds no passwords. */
  readonly xml: string;
  readonly disks: readonly NewDisk[];
};

/** Defines a new VM; it does not start it. */
export const defineVm = defineOperation({
  id: "vm.define",
  summary: "Define a new VM",
  on: "host",
  parameters: DefineParameters,
  async plan({ host, parameters, requestId }, signal) {
    if (parameters.xml === undefined) return await planSimple(host, parameters, requestId, signal);
    const [other] = Object.keys(parameters).filter((key) => key !== "xml");
    if (other === undefined) return await planXml(host, parameters.xml, requestId, signal);
    throw new CasemateError(
      "usage",
      `Cannot define a VM: ${other} was given beside its XML, expected the XML alone.`,
    );
  },
  async execute(call, signal) {
    const { host, plan } = call;
    const { xml, disks } = plan.details;
    for (const [index, disk] of disks.entries()) {
      const [from, to] = [index / (disks.length + 1), (index + 1) / (disks.length + 1)];
      const onProgress = jobProgress(call, `making ${disk.path}`, from, to);
      await makeNewDisk(host, disk, onProgress, signal);
    }
    // Last: a VM that is there is whole.
    await host.hypervisor.domains.define(xml, signal);
  },
  async look({ host, plan: { details } }, signal) {
    const { uuid, disks } = details;
    const vm = await findVm(host, uuid, signal);
    if (vm !== undefined) return { kind: "done", result: { uuid, name: vm.name } };
    const left = await presentFiles(host, newFilesOf(disks), signal);
    if (left.length === 0) return { kind: "undone" };
    return { kind: "partial", what: `disks of no VM: ${left.join(", ")}` };
  },
  async undo({ host, plan: { details } }, signal) {
    const { uuid, disks } = details;
    if ((await findVm(host, uuid, signal)) !== undefined) {
      await host.hypervisor.domains.undefine(uuid, { nvram: "delete", tpm: "delete" }, signal);
    }
    await removeFiles(host, newFilesOf(disks), signal);
  },
});

function newFilesOf(disks: readonly NewDisk[]): readonly string[] {
  return disks.filter(({ how }) => how !== "use").map(({ path }) => path);
}

async function planSimple(
  host: HostAgent,
  parameters: DefineParameters,
  requestId: string,
  signal: AbortSignal,
): Promise<PlanDraft<Details>> {
  const { name, memory, vcpus = 1, firmware = "bios", type = "kvm" } = parameters;
  if (name === undefined || memory === undefined) {
    throw new CasemateError(
      "usage",
      "Cannot define a VM: its name and memory were not both given, expected them.",
    );
  }
  const doing = `define ${name}`;
  const identity = deriveIdentity(requestId);
  const vms = await host.hypervisor.domains.list(signal);
  verifyNameFree(doing, name, vms);
  const made: NewDisk[] = [];
  const disks: NewVmDisk[] = [];
  const files: { path: string; bytes: number }[] = [];
  const targets = new Set<string>();
  for (const { bus = "virtio" as const, ...said } of parameters.disks ?? []) {
    const target = nextTarget(bus, targets);
    targets.add(target);
    const fileName = `${name}-${target}-${identity.tag}`;
    const { disk, firstBytes } = await planNewDisk(doing, host, said, fileName, signal);
    const { path, block, format } = disk;
    made.push(disk);
    disks.push({ device: "disk", target, bus, path, block, format });
    if (disk.how !== "use") files.push({ path, bytes: firstBytes });
  }
  for (const path of parameters.media ?? []) {
    await verifyMedium(doing, host, path, signal);
    const target = nextTarget("sata", targets);
    targets.add(target);
    disks.push({ device: "cdrom", target, bus: "sata", path, block: false, format: "raw" });
  }
  await verifyNewFiles(
    doing,
    host,
    files.map(({ path }) => path),
    signal,
  );
  await verifyFreeSpace(doing, host, files, signal);
  const taken = takenMacs(vms);
  const nics = (parameters.nics ?? []).map(({ model = "virtio", ...said }, index): NewVmNic => {
    const source = asNicSource(said);
    if (source === undefined)
      throw refused(doing, "an interface is not told where to", "a network or a bridge");
    return { mac: identity.mac(index, taken), source, model };
  });
  const { uuid } = identity;
  const xml = formatNewVm({ uuid, name, type, memory, vcpus, firmware, disks, nics });
  return {
    steps: [
      ...made.map(newDiskWords),
      `Define ${name} with ${vcpus} CPU${vcpus === 1 ? "" : "s"} and ${formatBytes(memory)} of memory (${firmware}, ${type}).`,
      ...nics.map(
        ({ mac, source, model }) =>
          `Give it the interface ${mac} (${model}) on ${nicSourceWords(source)}.`,
      ),
      ...(parameters.media ?? []).map((path) => `Insert ${path} into a drive of it.`),
      "It is not started.",
    ],
    ...effectsOf(uuid, made),
    details: { uuid, name, xml, disks: made },
  };
}

async function planXml(
  host: HostAgent,
  said: string,
  requestId: string,
  signal: AbortSignal,
): Promise<PlanDraft<Details>> {
  const vms = await host.hypervisor.domains.list(signal);
  const xml = prepareDefinition(said, deriveIdentity(requestId), takenMacs(vms));
  const { uuid, name, memory, vcpus, disks, nics, hostDevices } = describeDomain(xml);
  const doing = `define ${name}`;
  verifyNameFree(doing, name, vms);
  const same = vms.find((vm) => vm.uuid === uuid);
  if (same !== undefined)
    throw refused(doing, `${same.name} has the UUID ${uuid}`, "a new one, or none");
  const taken = takenMacs(vms);
  const twice = nics.find(({ mac }) => taken.has(mac));
  if (twice !== undefined)
    throw refused(doing, `another VM has the address ${twice.mac}`, "a new one, or none");
  const steps = [
    `Define ${name} with ${vcpus} CPU${vcpus === 1 ? "" : "s"} and ${formatBytes(memory)} of memory, as its XML says.`,
  ];
  for (const path of findHostPaths(xml)) {
    await host.hypervisor.storage.verifyPath(path, signal);
    steps.push(`It uses ${path} of the host.`);
  }
  for (const disk of disks) {
    const image = await readDiskImage(host, disk, signal);
    if (image === undefined) continue;
    if (disk.readonly) await verifyMedium(doing, host, image.path, signal);
    else if (!disk.shareable) await verifyUnused(doing, host, [image.path], undefined, signal);
    steps.push(`It has ${image.path} as ${disk.target}${disk.readonly ? ", read-only" : ""}.`);
  }
  if (hostDevices > 0) steps.push(`It is given ${hostDevices} devices of the host.`);
  return {
    steps: [...steps, "It is not started."],
    ...effectsOf(uuid, []),
    details: { uuid, name, xml, disks: [] },
  };
}

function effectsOf(uuid: string, disks: readonly NewDisk[]): Omit<PlanDraft, "steps" | "details"> {
  return {
    effects: [
      { kind: "vm", id: uuid, change: "created" },
      ...newFilesOf(disks).map((id) => ({ kind: "disk", id, change: "created" }) as const), // literals
    ],
    irreversible: [],
    destroysState: false,
    downtime: false,
    diskBytes: disks
      .filter(({ how }) => how !== "use")
      .reduce((sum, { capacity }) => sum + capacity, 0),
  };
}
