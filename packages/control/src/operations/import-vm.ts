import { join } from "node:path";
import { bytes, CasemateError, formatBytes, MiB } from "@casemate/core";
import { Type } from "typebox";
import { defineOperation } from "../spine/operation.ts";
import { type DerivedIdentity, deriveIdentity } from "./parts/derive-identity.ts";
import { findDiskDirectory } from "./parts/find-disk-directory.ts";
import { findVm } from "./parts/find-vm.ts";
import { formatNewVm } from "./parts/format-new-vm.ts";
import { jobProgress } from "./parts/job-progress.ts";
import type { NewVmDisk, NewVmNic } from "./parts/new-vm.ts";
import { nextTarget } from "./parts/next-target.ts";
import { asNicSource, nicSource, nicSourceWords } from "./parts/nic-source.ts";
import { presentFiles } from "./parts/present-files.ts";
import {
  type ImportedImage,
  type ImportSource,
  readImportSource,
} from "./parts/read-import-source.ts";
import { refused } from "./parts/refused.ts";
import { removeFiles } from "./parts/remove-files.ts";
import { sameGuest } from "./parts/same-guest.ts";
import { takenMacs } from "./parts/taken-macs.ts";
import { verifyFreeSpace } from "./parts/verify-free-space.ts";
import { verifyNameFree } from "./parts/verify-name-free.ts";
import { verifyNewFiles } from "./parts/verify-new-files.ts";
import { vmName } from "./parts/vm-name.ts";

const ImportParameters = Type.Object(
  {
    path: Type.String({
      pattern: "^/",
      description: "The package (.ova, .ovf) or the disk image, on the host.",
    }),
    format: Type.Union(
      [Type.Literal("ovf"), Type.Literal("qcow2"), Type.Literal("raw"), Type.Literal("vmdk")],
      {
        description: "`ovf` for a package, packed or not; else the format of the image.",
      },
    ),
    name: Type.Optional(vmName),
    memory: Type.Optional(
      Type.Integer({
        minimum: MiB,
        multipleOf: 1024,
        description: "In bytes; an image tells none.",
      }),
    ),
    vcpus: Type.Optional(Type.Integer({ minimum: 1, maximum: 4_096 })),
    firmware: Type.Optional(Type.Union([Type.Literal("bios"), Type.Literal("efi")])),
    type: Type.Optional(Type.Union([Type.Literal("kvm"), Type.Literal("qemu")])),
    bus: Type.Optional(Type.Union([Type.Literal("virtio"), Type.Literal("sata")])),
    ...nicSource,
    networks: Type.Optional(
      Type.Record(Type.String(), Type.String(), {
        description:
          "The host's network for each that the package names; others are as `network` or `bridge`.",
      }),
    ),
    pool: Type.Optional(Type.String({ description: "Where its disks are made." })),
  },
  { additionalProperties: false },
);
type ImportedDisk = ImportedImage & { readonly target: string; readonly to: string };

/** Makes a VM of files from elsewhere. */
export const importVm = defineOperation({
  id: "vm.import",
  summary: "Import a VM",
  on: "host",
  parameters: ImportParameters,
  async plan({ host, parameters, requestId }, signal) {
    const { path, format } = parameters;
    const source = await readImportSource(host, format, parameters, signal);
    const { name, memory } = source;
    if (name === undefined || memory === undefined) {
      throw new CasemateError(
        "usage",
        `Cannot import ${path}: its name and memory were not both given, expected them.`,
      );
    }
    const doing = `import ${path} as ${name}`;
    const identity = deriveIdentity(requestId);
    const vms = await host.hypervisor.domains.list(signal);
    verifyNameFree(doing, name, vms);
    const directory = await findDiskDirectory(doing, host, parameters.pool, signal);
    const disks = nameDisks(source, directory, name, identity);
    const files = disks.map(({ to }) => to);
    await verifyNewFiles(doing, host, files, signal);
    await verifyFreeSpace(
      doing,
      host,
      [{ path: join(directory, name), bytes: source.firstBytes }],
      signal,
    );
    const taken = takenMacs(vms);
    const nics = source.nics.map(({ network, model }, index): NewVmNic => {
      const mapped = network === undefined ? undefined : parameters.networks?.[network];
      const plug =
        mapped === undefined
          ? asNicSource(parameters)
          : ({ kind: "network", network: mapped } as const); // a literal
      if (plug === undefined) {
        throw refused(
          doing,
          `it has an interface on ${network ?? "a network"}`,
          "a network of this host for it",
        );
      }
      return { mac: identity.mac(index, taken), source: plug, model };
    });
    const { type = "kvm" } = parameters;
    const { vcpus, firmware } = source;
    const { uuid } = identity;
    const vmDisks = disks.map(
      ({ target, bus, to }): NewVmDisk => ({
        device: "disk",
        target,
        bus,
        path: to,
        block: false,
        format: "qcow2",
      }),
    );
    const xml = formatNewVm({ uuid, name, type, memory, vcpus, firmware, disks: vmDisks, nics });
    return {
      steps: [
        ...source.notes,
        ...disks.map((disk) => stepWords(disk, path)),
        `Define ${name} with ${vcpus} CPU${vcpus === 1 ? "" : "s"} and ${formatBytes(memory)} of memory (${firmware}, ${type}).`,
        ...nics.map(
          (nic) =>
            `Give it the interface ${nic.mac} (${nic.model}) on ${nicSourceWords(nic.source)}.`,
        ),
        `${path} stays as it is; the VM is not started.`,
        ...sameGuest,
      ],
      effects: [
        { kind: "file", id: path, change: "read" },
        { kind: "vm", id: uuid, change: "created" },
        ...files.map((id) => ({ kind: "disk", id, change: "created" }) as const), // literals
      ],
      irreversible: [],
      destroysState: false,
      downtime: false,
      diskBytes: disks.reduce((sum, { capacity }) => sum + capacity, 0),
      details: { uuid, name, path, source: source.identity, disks, xml },
    };
  },
  async execute(call, signal) {
    const { host, plan } = call;
    const { disks, path, xml } = plan.details;
    const { images, packages, domains } = host.hypervisor;
    for (const [index, { to, from, capacity }] of disks.entries()) {
      const onProgress = jobProgress(
        call,
        `making ${to}`,
        index / disks.length,
        (index + 1) / disks.length,
      );
      switch (from.kind) {
        case "package":
          await packages.extractDisk(
            { path, file: from.file, to, toFormat: "qcow2" },
            onProgress,
            signal,
          );
          break;
        case "image":
          await images.copy(
            { from: path, fromFormat: from.format, to, toFormat: "qcow2" },
            onProgress,
            signal,
          );
          break;
        case "nothing":
          await images.create({ path: to, format: "qcow2", capacity: bytes(capacity) }, signal);
          break;
      }
    }
    // Last: a VM that is there is whole.
    await domains.define(xml, signal);
  },
  async look({ host, plan: { details } }, signal) {
    const { uuid, name, disks } = details;
    if ((await findVm(host, uuid, signal)) !== undefined)
      return { kind: "done", result: { uuid, name } };
    const left = await presentFiles(
      host,
      disks.map(({ to }) => to),
      signal,
    );
    return left.length === 0
      ? { kind: "undone" }
      : { kind: "partial", what: `disks of no VM: ${left.join(", ")}` };
  },
  async undo({ host, plan: { details } }, signal) {
    const { uuid, disks } = details;
    if ((await findVm(host, uuid, signal)) !== undefined) {
      await host.hypervisor.domains.undefine(uuid, { nvram: "delete", tpm: "delete" }, signal);
    }
    await removeFiles(
      host,
      disks.map(({ to }) => to),
      signal,
    );
  },
});

function nameDisks(
  source: ImportSource,
  directory: string,
  name: string,
  { tag }: DerivedIdentity,
): readonly ImportedDisk[] {
  const targets = new Set<string>();
  return source.disks.map((disk) => {
    const target = nextTarget(disk.bus, targets);
    targets.add(target);
    return { ...disk, target, to: join(directory, `${name}-${target}-${tag}.qcow2`) };
  });
}

function stepWords({ from, to, target, capacity }: ImportedDisk, path: string): string {
  switch (from.kind) {
    case "package":
      return `Take ${from.file} out of ${path} to ${to} (${target}).`;
    case "image":
      return `Copy ${path} to ${to} (${target}).`;
    case "nothing":
      return `Make ${to} (${target}), an empty disk of ${formatBytes(capacity)}.`;
  }
}
