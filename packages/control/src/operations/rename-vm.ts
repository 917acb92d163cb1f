import { Type } from "typebox";
import { defineOperation } from "../spine/operation.ts";
import { refused } from "./parts/refused.ts";
import { verifyNameFree } from "./parts/verify-name-free.ts";
import { vmName } from "./parts/vm-name.ts";
import { readVm, verifyState } from "./vm-facts.ts";

/** Gives a VM another name. */
export const renameVm = defineOperation({
  id: "vm.rename",
  summary: "Rename a VM",
  on: "vm",
  parameters: Type.Object({ name: vmName }, { additionalProperties: false }),
  async plan({ host, target, parameters: { name } }, signal) {
    const vm = await readVm(host, target, signal);
    const doing = `rename ${vm.name} to ${name}`;
    verifyState("rename", vm, ["shutoff"]);
    if (vm.name === name) throw refused(doing, "it has this name", "another one");
    verifyNameFree(doing, name, await host.hypervisor.domains.list(signal));
    return {
      steps: [
        `Rename ${vm.name} to ${name}; its UUID, disks and files keep their names.`,
        "Inside the guest the host name stays as it is.",
      ],
      effects: [{ kind: "vm", id: vm.uuid, change: "changed" }],
      irreversible: [],
      destroysState: false,
      downtime: false,
      diskBytes: 0,
      details: { uuid: vm.uuid, from: vm.name, to: name },
    };
  },
  async execute({ host, plan: { details } }, signal) {
    await host.hypervisor.domains.rename(details.uuid, details.to, signal);
  },
  async look({ host, plan: { details } }, signal) {
    const { name } = await host.hypervisor.domains.find(details.uuid, signal);
    if (name === details.to) return { kind: "done" };
    if (name === details.from) return { kind: "undone" };
    return { kind: "unknown", why: `The VM has a third name now, ${name}.` };
  },
  async undo({ host, plan: { details } }, signal) {
    await host.hypervisor.domains.rename(details.uuid, details.from, signal);
  },
});
