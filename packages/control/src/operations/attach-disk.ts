import { join } from "node:path";
import type { DefinitionDescription } from "@casemate/agent";
import { bytes, formatBytes, MiB } from "@casemate/core";
import { Type } from "typebox";
import { defineOperation } from "../spine/operation.ts";
import { chooseScope, scopeParameter, scopeWords } from "./parts/change-scope.ts";
import { deriveIdentity } from "./parts/derive-identity.ts";
import { findDiskDirectory } from "./parts/find-disk-directory.ts";
import { hotPluggable } from "./parts/hot-pluggable.ts";
import { nextTarget, takenTargets } from "./parts/next-target.ts";
import { presentFiles } from "./parts/present-files.ts";
import { readDefinitions } from "./parts/read-definitions.ts";
import { refused } from "./parts/refused.ts";
import { seeChange } from "./parts/see-change.ts";
import { verifyFreeSpace } from "./parts/verify-free-space.ts";
import { verifyNewFiles } from "./parts/verify-new-files.ts";
import { verifyUnused } from "./parts/verify-unused.ts";
import { readVm } from "./vm-facts.ts";

/** Gives a VM a disk: a new one, or one that is there. */
export const attachDisk = defineOperation({
  id: "vm.disk.attach",
  summary: "Attach a disk to a VM",
  on: "vm",
  parameters: Type.Object(
    {
      path: Type.Optional(
        Type.String({ pattern: "^/", description: "A disk that is there; its format with it." }),
      ),
      format: Type.Optional(Type.Union([Type.Literal("raw"), Type.Literal("qcow2")])),
      capacity: Type.Optional(
        Type.Integer({ minimum: MiB, description: "Makes a new disk of so many bytes." }),
      ),
      pool: Type.Optional(Type.String({ description: "Where a new disk is made." })),
      bus: Type.Optional(
        Type.Union([
          Type.Literal("virtio"),
          Type.Literal("scsi"),
          Type.Literal("sata"),
          Type.Literal("usb"),
        ]),
      ),
      target: Type.Optional(
        Type.String({
          pattern: "^[a-z]{3,5}$",
          description: "As `vdb`; the next free one unless given.",
        }),
      ),
      readonly: Type.Optional(Type.Boolean()),
      serial: Type.Optional(Type.String({ pattern: "^[A-Za-z0-9_.+ -]{1,36}$" })),
      scope: scopeParameter,
    },
    { additionalProperties: false },
  ),
  async plan({ host, target, parameters, requestId }, signal) {
    const { path, capacity, bus = "virtio", readonly = false, serial } = parameters;
    const vm = await readVm(host, target, signal);
    const doing = `attach a disk to ${vm.name}`;
    if ((path === undefined) === (capacity === undefined)) {
      throw refused(
        doing,
        "it is not told which",
        "either the path of one or the capacity of a new one",
      );
    }
    if (path !== undefined && parameters.format === undefined) {
      // HOSTILE: whoever wrote the disk wrote its first bytes, and could have it taken for another format.
      throw refused(doing, `the format of ${path} is not said`, "raw or qcow2");
    }
    const scope = chooseScope(doing, vm, parameters.scope);
    if (scope !== "config" && !hotPluggable.has(bus)) {
      throw refused(
        doing,
        `it runs, and ${bus} disks cannot come while it does`,
        [...hotPluggable].join(" or "),
      );
    }
    const { live, config } = await readDefinitions(host, vm.uuid, scope, signal);
    const taken = takenTargets(live, config);
    const as = parameters.target ?? nextTarget(bus, taken);
    if (taken.has(as)) throw refused(doing, `it has a disk ${as}`, "a target that is free");
    const format = parameters.format ?? "qcow2";
    const { tag } = deriveIdentity(requestId);
    const file =
      path ??
      join(
        await findDiskDirectory(doing, host, parameters.pool, signal),
        `${vm.uuid.slice(0, 8)}-${as}-${tag}.${format === "raw" ? "img" : "qcow2"}`,
      );
    let block = false;
    if (capacity !== undefined) {
      await verifyNewFiles(doing, host, [file], signal);
      // A sparse file: it must at least be possible to begin.
      await verifyFreeSpace(doing, host, [{ path: file, bytes: MiB }], signal);
    } else {
      await host.hypervisor.storage.verifyPath(file, signal);
      if ((await host.hypervisor.storage.stat(file, signal)) === undefined) {
        throw refused(doing, `nothing is at ${file}`, "a disk");
      }
      const volume = await host.hypervisor.storage.findVolume(file, signal);
      block = volume?.kind === "block";
      await verifyUnused(doing, host, [file], undefined, signal);
    }
    const what = capacity === undefined ? file : `the new disk`;
    return {
      steps: [
        ...(capacity === undefined
          ? []
          : [`Make ${file}, an empty ${format} disk of ${formatBytes(capacity)}.`]),
        `Attach ${what} to ${vm.name} as ${as} on ${bus}, ${readonly ? "read-only, " : ""}${scopeWords(scope)}.`,
      ],
      effects: [
        { kind: "vm", id: vm.uuid, change: "changed" },
        { kind: "disk", id: file, change: capacity === undefined ? "changed" : "created" },
      ],
      irreversible: [],
      destroysState: false,
      downtime: false,
      diskBytes: capacity ?? 0,
      details: {
        ...{ uuid: vm.uuid, runId: vm.runId ?? null, scope, target: as, bus, file, block, format },
        ...{ readonly, serial: serial ?? null, capacity: capacity ?? null },
      },
    };
  },
  async execute({ host, plan: { details } }, signal) {
    const { devices, images } = host.hypervisor;
    const { uuid, scope, target, bus, file: path, block, format, readonly, serial } = details;
    if (details.capacity !== null) {
      await images.create({ path, format, capacity: bytes(details.capacity) }, signal);
    }
    const disk = {
      ...({ kind: "disk", device: "disk", target, bus, path, block, format, readonly } as const), // literals
      ...(serial === null ? {} : { serial }),
    };
    await devices.attach(uuid, disk, scope, signal);
  },
  async look({ host, plan: { details } }, signal) {
    const { uuid, scope, target, file, capacity } = details;
    const what = `disk ${target}`;
    const seen = await seeChange(host, { uuid, scope, what }, hasDisk(target, file), signal);
    if (seen.kind === "done") return { kind: "done", result: { target, path: file } };
    if (seen.kind !== "undone" || capacity === null) return seen;
    const [left] = await presentFiles(host, [file], signal);
    return left === undefined ? seen : { kind: "partial", what: `the new file ${left}` };
  },
  async undo({ host, plan: { details } }, signal) {
    const { uuid, scope, target, file, capacity } = details;
    const { devices, storage } = host.hypervisor;
    const has = hasDisk(target, file);
    const { live, config } = await readDefinitions(host, uuid, scope, signal);
    const name = { kind: "disk", target } as const; // a literal
    if (live !== undefined && has(live)) await devices.detach(uuid, name, "live", signal);
    if (config !== undefined && has(config)) await devices.detach(uuid, name, "config", signal);
    // Refused where the guest has not let go of it.
    if (capacity !== null) await storage.removeFile(file, signal);
  },
});

function hasDisk(target: string, path: string): (definition: DefinitionDescription) => boolean {
  return ({ disks }) =>
    disks.some(
      (disk) => disk.target === target && "path" in disk.source && disk.source.path === path,
    );
}
