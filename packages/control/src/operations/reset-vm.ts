import { Type } from "typebox";
import { defineOperation } from "../spine/operation.ts";
import { readVm, verifyState } from "./vm-facts.ts";

/** Presses a VM's reset button. */
export const resetVm = defineOperation({
  id: "vm.reset",
  summary: "Reset a VM by force",
  on: "vm",
  parameters: Type.Object({}, { additionalProperties: false }),
  async plan({ host, target }, signal) {
    const vm = await readVm(host, target, signal);
    verifyState("reset", vm, ["running", "blocked", "paused"]);
    return {
      steps: [`Press the reset button of ${vm.name}; the guest is not asked.`],
      effects: [{ kind: "vm", id: vm.uuid, change: "interrupted" }],
      irreversible: ["What the guest has not written to its disks is lost."],
      destroysState: false,
      downtime: true,
      diskBytes: 0,
      details: { uuid: vm.uuid, runId: vm.runId ?? null },
    };
  },
  async execute({ host, plan: { details } }, signal) {
    await host.hypervisor.domains.reset(details.uuid, signal);
  },
  async look({ host, plan: { details }, executed }, signal) {
    const { runId } = await host.hypervisor.domains.find(details.uuid, signal);
    if (runId !== details.runId) {
      return { kind: "unknown", why: "The VM has been stopped or started since." };
    }
    // A reset leaves the run as it is.
    return executed
      ? { kind: "done" }
      : { kind: "unknown", why: "Nothing outside the guest shows whether it was reset." };
  },
});
