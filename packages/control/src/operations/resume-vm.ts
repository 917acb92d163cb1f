import { Type } from "typebox";
import { defineOperation } from "../spine/operation.ts";
import { harmless } from "./parts/harmless.ts";
import { readVm, verifyState } from "./vm-facts.ts";

/** Lets a paused guest go on. */
export const resumeVm = defineOperation({
  id: "vm.resume",
  summary: "Resume a paused VM",
  on: "vm",
  parameters: Type.Object({}, { additionalProperties: false }),
  async plan({ host, target }, signal) {
    const vm = await readVm(host, target, signal);
    verifyState("resume", vm, ["paused", "pmsuspended"]);
    return {
      steps: [`Resume ${vm.name}: its processors go on where they stopped.`],
      effects: [{ kind: "vm", id: vm.uuid, change: "changed" }],
      ...harmless,
      details: { uuid: vm.uuid, runId: vm.runId ?? null },
    };
  },
  async execute({ host, plan: { details } }, signal) {
    await host.hypervisor.domains.resume(details.uuid, signal);
  },
  async look({ host, plan: { details } }, signal) {
    const { state } = await host.hypervisor.domains.find(details.uuid, signal);
    return { kind: state === "running" || state === "blocked" ? "done" : "undone" };
  },
  async undo({ host, plan: { details } }, signal) {
    await host.hypervisor.domains.suspend(details.uuid, signal);
  },
});
