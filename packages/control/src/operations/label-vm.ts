import { isCutLabel, isolatedLabel } from "@casemate/agent";
import { Type } from "typebox";
import { defineOperation } from "../spine/operation.ts";
import { harmless } from "./parts/harmless.ts";
import { refused } from "./parts/refused.ts";
import { readVm } from "./vm-facts.ts";

const label = Type.String({
  pattern: "^[a-z0-9][a-z0-9._:/=-]{0,62}$",
  description: "As `env:production`.",
});

/** Changes the labels by which policies know a VM. */
export const labelVm = defineOperation({
  id: "vm.label",
  summary: "Change the labels of a VM",
  on: "vm",
  parameters: Type.Object(
    {
      labels: Type.Optional(
        Type.Array(label, {
          maxItems: 64,
          description: "All that it is to have: others are taken from it.",
        }),
      ),
      add: Type.Optional(
        Type.Array(label, {
          maxItems: 64,
          description: "What it is to have beside those that it has.",
        }),
      ),
      remove: Type.Optional(
        Type.Array(label, { maxItems: 64, description: "What is taken from it; others stay." }),
      ),
    },
    { additionalProperties: false },
  ),
  async plan({ host, target, parameters: { labels, add = [], remove = [] } }, signal) {
    const vm = await readVm(host, target, signal);
    const from = [...vm.labels].toSorted();
    const both = add.filter((each) => remove.includes(each));
    if (both.length > 0) {
      throw refused(`label ${vm.name}`, `${words(both)} is to be added and removed`, "one of them");
    }
    // Of what the VM has when it is its turn, so that two who add a label each both succeed.
    const to = [...new Set([...(labels ?? from), ...add])]
      .filter((each) => !remove.includes(each))
      .toSorted();
    if (isSame(from, to)) {
      throw refused(`label ${vm.name}`, `its labels are ${words(from)}`, "others to be set");
    }
    const given = to.filter((label) => !from.includes(label));
    const taken = from.filter((label) => !to.includes(label));
    const cut = [...given, ...taken].find(isCutLabel);
    if (cut !== undefined) {
      throw refused(
        `label ${vm.name}`,
        `${cut} says that a process is cut off the network`,
        "other labels",
        "Cut processes off with `casemate vm process-cut`, have them back with `casemate vm process-rejoin`.",
      );
    }
    if ([...given, ...taken].includes(isolatedLabel)) {
      throw refused(
        `label ${vm.name}`,
        `${isolatedLabel} says whether it is isolated`,
        "other labels",
        "Take it off the network with `casemate vm isolate`, give it back with `casemate vm release`.",
      );
    }
    return {
      steps: [
        ...(given.length > 0 ? [`Give ${vm.name} the labels ${words(given)}.`] : []),
        ...(taken.length > 0 ? [`Take the labels ${words(taken)} from ${vm.name}.`] : []),
        "Policies that name these labels decide anew from then on.",
      ],
      effects: [{ kind: "vm", id: vm.uuid, change: "changed" }],
      ...harmless,
      details: { uuid: vm.uuid, from, to },
    };
  },
  async execute({ host, plan: { details } }, signal) {
    await host.hypervisor.domains.setLabels(details.uuid, details.to, signal);
  },
  async look({ host, plan: { details } }, signal) {
    const { labels } = await host.hypervisor.domains.find(details.uuid, signal);
    const now = [...labels].toSorted();
    if (isSame(now, details.to)) return { kind: "done" };
    if (isSame(now, details.from)) return { kind: "undone" };
    return { kind: "unknown", why: `The VM has other labels now: ${words(now)}.` };
  },
  async undo({ host, plan: { details } }, signal) {
    await host.hypervisor.domains.setLabels(details.uuid, details.from, signal);
  },
});

function isSame(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((label, index) => label === b[index]);
}

function words(labels: readonly string[]): string {
  return labels.length === 0 ? "none" : labels.join(", ");
}
