import { Type } from "typebox";
import { defineOperation } from "../spine/operation.ts";
import { waitForJob } from "./parts/wait-for-job.ts";
import { readVm, verifyState } from "./vm-facts.ts";

/** Turns a VM on. */
export const startVm = defineOperation({
  id: "vm.start",
  summary: "Start a VM",
  on: "vm",
  launches: true,
  parameters: Type.Object(
    { paused: Type.Optional(Type.Boolean({ description: "Let it stand still at first." })) },
    { additionalProperties: false },
  ),
  async plan({ host, target, parameters: { paused = false } }, signal) {
    const vm = await readVm(host, target, signal);
    verifyState("start", vm, ["shutoff", "crashed"]);
    const from = vm.managedSave ? "Go on from the state it was saved in" : "Boot it";
    return {
      steps: [`Start ${vm.name}: ${from}${paused ? ", and keep it paused" : ""}.`],
      effects: [{ kind: "vm", id: vm.uuid, change: "changed" }],
      irreversible: vm.managedSave ? ["The saved state is used up."] : [],
      destroysState: false,
      downtime: false,
      diskBytes: 0,
      details: { uuid: vm.uuid, paused, definition: vm.digest, managedSave: vm.managedSave },
    };
  },
  async execute({ host, plan: { details } }, signal) {
    await host.hypervisor.domains.start(details.uuid, { paused: details.paused }, signal);
  },
  async look({ host, plan: { details }, executed }, signal) {
    if (!executed) await waitForJob(host, details.uuid, signal);
    const state = await host.hypervisor.domains.state(details.uuid, signal);
    return { kind: state === "shutoff" || state === "crashed" ? "undone" : "done" };
  },
  async undo({ host, plan: { details } }, signal) {
    await host.hypervisor.domains.destroy(details.uuid, {}, signal);
  },
});
