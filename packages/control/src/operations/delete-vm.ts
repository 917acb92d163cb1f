import type { UndefineChoices } from "@casemate/agent";
import { Type } from "typebox";
import { defineOperation } from "../spine/operation.ts";
import { findOwnFiles } from "./parts/find-own-files.ts";
import { findVm } from "./parts/find-vm.ts";
import { presentFiles } from "./parts/present-files.ts";
import { snapshotIdentity } from "./parts/snapshot-identity.ts";
import { verifyUnused } from "./parts/verify-unused.ts";
import { readVm, verifyState } from "./vm-facts.ts";

/** Deletes a VM: its definition and what belongs to that, with its disks where that is asked for. */
export const deleteVm = defineOperation({
  id: "vm.delete",
  summary: "Delete a VM",
  on: "vm",
  parameters: Type.Object(
    {
      disks: Type.Optional(
        Type.Union([Type.Literal("keep"), Type.Literal("delete")], {
          description:
            "What becomes of its disks and of what its snapshots keep in files; kept unless said.",
        }),
      ),
      nvram: Type.Optional(
        Type.Union([Type.Literal("keep"), Type.Literal("delete")], {
          description: "What becomes of its EFI variables; deleted unless said.",
        }),
      ),
      tpm: Type.Optional(
        Type.Union([Type.Literal("keep"), Type.Literal("delete")], {
          description: "What becomes of its TPM's state; deleted unless said.",
        }),
      ),
    },
    { additionalProperties: false },
  ),
  async plan({ host, target, parameters }, signal) {
    const vm = await readVm(host, target, signal);
    verifyState("delete", vm, ["shutoff"]);
    const snapshots = await host.hypervisor.snapshots.list(vm.uuid, signal);
    const withDisks = parameters.disks === "delete";
    const own = await findOwnFiles(host, vm, snapshots, signal);
    const files = withDisks ? own.files : [];
    for (const file of files) await host.hypervisor.storage.verifyPath(file, signal);
    await verifyUnused(`delete the disks of ${vm.name}`, host, files, vm.uuid, signal);
    const nvram = vm.firmware.kind === "efi" ? (parameters.nvram ?? "delete") : null;
    const tpm = vm.tpm?.backend === "emulator" ? (parameters.tpm ?? "delete") : null;
    const { backup: checkpoints } = await host.hypervisor.facts(signal);
    const names = snapshots.map(({ name }) => name).toSorted();
    return {
      steps: [
        `Remove the definition of ${vm.name}${vm.autostart ? ", which starts with the host" : ""}.`,
        ...(vm.managedSave ? ["Remove the state it was saved in."] : []),
        ...(names.length > 0 ? [`Forget its snapshots ${names.join(", ")}.`] : []),
        ...(nvram === null ? [] : [`${nvram === "keep" ? "Keep" : "Remove"} its EFI variables.`]),
        ...(tpm === null ? [] : [`${tpm === "keep" ? "Keep" : "Remove"} the state of its TPM.`]),
        ...files.map((file) => `Remove ${file}.`),
        ...(withDisks
          ? own.left.map((why) => `Leave a disk as it is: ${why}.`)
          : own.files.map((file) => `Leave ${file} as it is.`)),
      ],
      effects: [
        { kind: "vm", id: vm.uuid, change: "removed" },
        ...names.map((id) => ({ kind: "snapshot", id, change: "removed" }) as const), // literals
        ...files.map((id) => ({ kind: "disk", id, change: "removed" }) as const), // literals
      ],
      irreversible: [
        `The definition of ${vm.name} is gone.`,
        ...(files.length > 0 ? ["All data on its disks is lost."] : []),
        ...(names.length > 0 ? ["No snapshot of it can be restored any more."] : []),
        ...(vm.managedSave ? ["The saved state of its last run is lost."] : []),
        ...(nvram === "delete"
          ? ["Its EFI variables, with enrolled keys and boot entries, are lost."]
          : []),
        ...(tpm === "delete" ? ["Whatever is sealed to its TPM cannot be opened any more."] : []),
      ],
      destroysState: true,
      downtime: false,
      diskBytes: 0,
      details: {
        ...{ uuid: vm.uuid, definition: vm.digest, managedSave: vm.managedSave },
        ...{ snapshots: snapshots.map(snapshotIdentity), files, nvram, tpm, checkpoints },
      },
    };
  },
  async execute({ host, plan: { details }, progress }, signal) {
    const { uuid, managedSave, snapshots, files, nvram, tpm, checkpoints } = details;
    const choices: UndefineChoices = {
      ...(nvram === null ? {} : { nvram }),
      ...(tpm === null ? {} : { tpm }),
      ...(managedSave ? { managedSave: "delete" } : {}),
      ...(snapshots.length > 0 ? { snapshots: "forget" } : {}),
      // Notes of backups; libvirt refuses to forget what it cannot have.
      ...(checkpoints ? { checkpoints: "forget" } : {}),
    };
    // First, for the host guards the disks of VMs that it has.
    await host.hypervisor.domains.undefine(uuid, choices, signal);
    for (const [index, file] of files.entries()) {
      progress((index + 1) / (files.length + 1), `removing ${file}`);
      // Begun is finished: half a VM is of no use to anybody.
      await host.hypervisor.storage.removeFile(file);
    }
  },
  async look({ host, plan: { details } }, signal) {
    if ((await findVm(host, details.uuid, signal)) !== undefined) return { kind: "undone" };
    const left = await presentFiles(host, details.files, signal);
    if (left.length === 0) return { kind: "done" };
    return {
      kind: "partial",
      what: `the VM is gone, its files are still there: ${left.join(", ")}`,
    };
  },
});
