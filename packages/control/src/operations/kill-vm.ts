import { Type } from "typebox";
import { defineOperation } from "../spine/operation.ts";
import { readVm, verifyState } from "./vm-facts.ts";

/** Takes a VM's power away. */
export const killVm = defineOperation({
  id: "vm.kill",
  summary: "Stop a VM by force",
  on: "vm",
  parameters: Type.Object({}, { additionalProperties: false }),
  async plan({ host, target }, signal) {
    const vm = await readVm(host, target, signal);
    verifyState("kill", vm, ["running", "blocked", "paused", "shutdown", "pmsuspended", "crashed"]);
    const gone = `${vm.name} has no definition: it is gone once it stops.`;
    return {
      steps: [`Take the power of ${vm.name} away; the guest is not asked.`],
      effects: [{ kind: "vm", id: vm.uuid, change: "interrupted" }],
      irreversible: [
        "What the guest has not written to its disks is lost.",
        ...(vm.persistent ? [] : [gone]),
      ],
      destroysState: !vm.persistent,
      downtime: true,
      diskBytes: 0,
      details: { uuid: vm.uuid, runId: vm.runId ?? null },
    };
  },
  async execute({ host, plan: { details } }, signal) {
    await host.hypervisor.domains.destroy(details.uuid, { graceful: true }, signal);
  },
  async look({ host, plan: { details } }, signal) {
    // A VM without definition is not there any more; every other one has another run, or none.
    const vms = await host.hypervisor.domains.list(signal);
    const vm = vms.find(({ uuid }) => uuid === details.uuid);
    return {
      kind: (vm?.runId ?? null) === details.runId && details.runId !== null ? "undone" : "done",
    };
  },
});
