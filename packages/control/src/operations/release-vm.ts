import { isolatedLabel } from "@casemate/agent";
import { Type } from "typebox";
import { defineOperation } from "../spine/operation.ts";
import { harmless } from "./parts/harmless.ts";
import { networkEffects } from "./parts/network-effects.ts";
import { refused } from "./parts/refused.ts";
import { readVm } from "./vm-facts.ts";

/** Gives an isolated VM its network back. */
export const releaseVm = defineOperation({
  id: "vm.release",
  summary: "Give an isolated VM its network back",
  on: "vm",
  parameters: Type.Object({}, { additionalProperties: false }),
  async plan({ host, target }, signal) {
    const vm = await readVm(host, target, signal);
    const now = await host.hypervisor.network.isolation(vm.uuid, signal);
    if (!now.rules && !now.labelled) {
      throw refused(`release ${vm.name}`, "nothing isolates it", "it to be isolated");
    }
    return {
      steps: [
        `Let packets pass again from and to ${vm.name}.`,
        ...(now.labelled ? [`Take the label ${isolatedLabel} from it.`] : []),
        "Whatever runs in it can reach its networks, and be reached from them, from then on.",
      ],
      effects: [{ kind: "vm", id: vm.uuid, change: "changed" }, ...networkEffects(vm)],
      ...harmless,
      details: { uuid: vm.uuid, runId: vm.runId ?? null },
    };
  },
  async execute({ host, plan: { details } }, signal) {
    await host.hypervisor.network.release(details.uuid, signal);
  },
  async look({ host, plan: { details } }, signal) {
    const now = await host.hypervisor.network.isolation(details.uuid, signal);
    if (now.rules) return { kind: "undone" };
    return now.labelled
      ? { kind: "partial", what: "its interfaces, for this run alone" }
      : { kind: "done" };
  },
  // No `undo`: the rules go in one transaction, all or none, and the label before them.
});
