import { join } from "node:path";
import { bytes, MiB } from "@casemate/core";
import { Type } from "typebox";
import { defineOperation } from "../spine/operation.ts";
import { deriveIdentity } from "./parts/derive-identity.ts";
import { readDiskImage } from "./parts/disk-image.ts";
import { endJob } from "./parts/end-job.ts";
import { findDiskDirectory } from "./parts/find-disk-directory.ts";
import { jobProgress } from "./parts/job-progress.ts";
import { presentCopies } from "./parts/present-copies.ts";
import { presentFiles } from "./parts/present-files.ts";
import { refused } from "./parts/refused.ts";
import { removeFiles } from "./parts/remove-files.ts";
import { sameGuest } from "./parts/same-guest.ts";
import { verifyFreeSpace } from "./parts/verify-free-space.ts";
import { verifyNewFiles } from "./parts/verify-new-files.ts";
import { readVm, verifyState } from "./vm-facts.ts";

/** A disk that is exported. */
type ExportedDisk = {
  readonly target: string;
  readonly bus: string;
  readonly from: string;
  readonly fromFormat: string;
  /** Its copy: the result, or where it is until the package is made; null where the package takes it as it is. */
  readonly copy: string | null;
};

/** Writes a VM into files that go elsewhere. */
export const exportVm = defineOperation({
  id: "vm.export",
  summary: "Export a VM",
  on: "vm",
  parameters: Type.Object(
    {
      format: Type.Union([Type.Literal("ova"), Type.Literal("qcow2")], {
        description: "One package for other hypervisors, or its disks alone.",
      }),
      pool: Type.Optional(Type.String({ description: "Where the files are written." })),
    },
    { additionalProperties: false },
  ),
  async plan({ host, target, parameters: { format, pool }, requestId }, signal) {
    const vm = await readVm(host, target, signal);
    const doing = `export ${vm.name}`;
    verifyState("export", vm, ["running", "blocked", "paused", "shutoff", "crashed"]);
    const runs = vm.runId !== undefined;
    const { images } = host.hypervisor;
    const { backup, libvirtVersion } = await host.hypervisor.facts(signal);
    if (runs && !backup) {
      throw refused(
        doing,
        `it runs, and libvirt ${libvirtVersion} cannot copy it while it does`,
        "it to be stopped",
      );
    }
    const directory = await findDiskDirectory(doing, host, pool, signal);
    const { tag } = deriveIdentity(requestId);
    // HOSTILE: whoever defined the VM chose its name.
    const stem = `${vm.name
      .replace(/[^A-Za-z0-9._+-]/g, "_")
      .replace(/^[.]/, "_")
      .slice(0, 63)}-${tag}`;
    const packageFile = format === "ova" ? join(directory, `${stem}.ova`) : null;
    const disks: ExportedDisk[] = [];
    const needed: { path: string; bytes: number }[] = [];
    let mostBytes = 0;
    for (const disk of vm.disks) {
      if (disk.source.kind === "none" || disk.device === "cdrom" || disk.device === "floppy")
        continue;
      const image = await readDiskImage(host, disk, signal);
      if (image === undefined)
        throw refused(doing, `its disk ${disk.target} is on the network`, "disks that are files");
      const described = await images.describe(image.path, image.format, signal);
      if (described.encrypted)
        throw refused(doing, `its disk ${disk.target} is encrypted`, "one that can be read");
      const copy =
        format === "qcow2" || runs ? join(directory, `${stem}-${disk.target}.qcow2`) : null;
      const whole = [described, ...described.backing].reduce(
        (sum, layer) => sum + layer.actualSize,
        0,
      );
      const times = packageFile !== null && copy !== null ? 2 : 1;
      needed.push({ path: copy ?? join(directory, stem), bytes: whole * times + MiB });
      mostBytes += described.virtualSize * times;
      disks.push({
        target: disk.target,
        bus: disk.bus,
        from: image.path,
        fromFormat: image.format,
        copy,
      });
    }
    if (disks.length === 0 && packageFile === null)
      throw refused(doing, "it has no disk", "one at least");
    const files = filesOf({ packageFile, disks });
    await verifyNewFiles(doing, host, files, signal);
    await verifyFreeSpace(doing, host, needed, signal);
    const moment = runs ? "as it is at one moment, the VM running on," : "as it is";
    return {
      steps: [
        ...disks
          .filter(({ copy }) => copy !== null)
          .map(({ target: disk, from, copy }) => `Copy ${from} (${disk}) ${moment} to ${copy}.`),
        ...(packageFile === null
          ? []
          : [`Write ${packageFile}: its description, a manifest, and ${disks.length} disks.`]),
        ...(packageFile !== null && runs ? ["Remove the copies."] : []),
        ...(runs ? ["The disks are as after a power cut."] : []),
        ...(vm.tpm === undefined
          ? []
          : ["The state of its TPM stays here: what is sealed to it cannot be opened elsewhere."]),
        ...(vm.firmware.kind === "efi" ? ["Its EFI variables stay here."] : []),
        ...sameGuest,
      ],
      effects: [
        ...disks.map(({ from: id }) => ({ kind: "disk", id, change: "read" }) as const), // literals
        ...resultsOf({ packageFile, disks }).map(
          (id) => ({ kind: "file", id, change: "created" }) as const,
        ), // literals
      ],
      irreversible: [
        "Whoever gets the files has everything that is on its disks, with the secrets in it.",
      ],
      destroysState: false,
      downtime: false,
      diskBytes: mostBytes,
      details: {
        ...{
          uuid: vm.uuid,
          runId: vm.runId ?? null,
          definition: vm.digest,
          runs,
          disks,
          packageFile,
        },
        machine: {
          ...{ name: vm.name, memory: vm.maxMemory, vcpus: vm.vcpus, firmware: vm.firmware.kind },
          nics: vm.nics.map(({ source, model }) => ({
            network:
              source.kind === "network"
                ? source.network
                : source.kind === "bridge"
                  ? source.bridge
                  : source.type,
            model: model ?? null,
          })),
        },
      },
    };
  },
  async execute(call, signal) {
    const { host, plan } = call;
    const { uuid, runs, disks, packageFile, machine } = plan.details;
    const { images, packages } = host.hypervisor;
    const half = packageFile === null ? 1 : 0.5;
    const copied = disks.flatMap((disk) =>
      disk.copy === null ? [] : [{ ...disk, copy: disk.copy }],
    );
    if (runs && copied.length > 0) {
      const files = Object.fromEntries(copied.map(({ target, copy }) => [target, copy]));
      await images.backup(uuid, files, jobProgress(call, "copying its disks", 0, half), signal);
    } else {
      for (const [index, { from, fromFormat, copy }] of copied.entries()) {
        const from0 = (half * index) / copied.length;
        const onProgress = jobProgress(
          call,
          `copying ${from}`,
          from0,
          from0 + half / copied.length,
        );
        await images.copy({ from, fromFormat, to: copy, toFormat: "qcow2" }, onProgress, signal);
      }
    }
    if (packageFile === null) return;
    const request = {
      path: packageFile,
      machine: {
        ...machine,
        memory: bytes(machine.memory),
        nics: machine.nics.map(({ network, model }) => ({
          network,
          model: model ?? undefined,
          mac: undefined,
        })),
      },
      disks: disks.map(({ from, fromFormat, copy, bus }) => ({
        path: copy ?? from,
        format: copy === null ? fromFormat : "qcow2",
        bus,
      })),
    };
    await packages.export(
      request,
      jobProgress(call, `writing ${packageFile}`, 1 - half, 1),
      signal,
    );
    await removeFiles(
      host,
      copied.map(({ copy }) => copy),
      signal,
    );
  },
  async look({ host, plan: { details }, executed }, signal) {
    const { storage } = host.hypervisor;
    const wanted = resultsOf(details);
    const files = filesOf(details);
    const there =
      details.runs && !executed
        ? await presentCopies(host, details.uuid, files, signal)
        : await presentFiles(host, files, signal);
    // Files get their names when they are whole, but for those that a running VM's QEMU writes.
    const told = executed || !details.runs || details.packageFile !== null;
    const whole: string[] = [];
    for (const path of wanted) {
      if ((await storage.stat(path, signal)) !== undefined) whole.push(path);
    }
    if (told && whole.length === wanted.length && there.length === wanted.length) {
      return { kind: "done", result: { files: wanted } };
    }
    return there.length === 0 ? { kind: "undone" } : { kind: "partial", what: there.join(", ") };
  },
  async undo({ host, plan: { details } }, signal) {
    if (details.runs) await endJob(host, details.uuid, signal);
    await removeFiles(host, filesOf(details), signal);
  },
});

interface Files {
  readonly packageFile: string | null;
  readonly disks: readonly ExportedDisk[];
}

/** Everything that is made. */
function filesOf({ packageFile, disks }: Files): readonly string[] {
  const copies = disks.flatMap(({ copy }) => (copy === null ? [] : [copy]));
  return packageFile === null ? copies : [packageFile, ...copies];
}

/** What is there in the end. */
function resultsOf(files: Files): readonly string[] {
  return files.packageFile === null ? filesOf(files) : [files.packageFile];
}
