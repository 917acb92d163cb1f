import { Type } from "typebox";
import { defineOperation } from "../spine/operation.ts";
import { readVm, verifyState } from "./vm-facts.ts";

/** Makes a guest stand still. */
export const pauseVm = defineOperation({
  id: "vm.pause",
  summary: "Pause a VM",
  on: "vm",
  parameters: Type.Object({}, { additionalProperties: false }),
  async plan({ host, target }, signal) {
    const vm = await readVm(host, target, signal);
    verifyState("pause", vm, ["running", "blocked"]);
    return {
      steps: [`Pause ${vm.name}: its processors stop, its memory stays.`],
      effects: [{ kind: "vm", id: vm.uuid, change: "interrupted" }],
      irreversible: [],
      destroysState: false,
      downtime: true,
      diskBytes: 0,
      details: { uuid: vm.uuid, runId: vm.runId ?? null },
    };
  },
  async execute({ host, plan: { details } }, signal) {
    await host.hypervisor.domains.suspend(details.uuid, signal);
  },
  async look({ host, plan: { details } }, signal) {
    const { state } = await host.hypervisor.domains.find(details.uuid, signal);
    return { kind: state === "paused" ? "done" : "undone" };
  },
  async undo({ host, plan: { details } }, signal) {
    await host.hypervisor.domains.resume(details.uuid, signal);
  },
});
