import { isolatedLabel } from "@casemate/agent";
import { defineOperation } from "../spine/operation.ts";
import { harmless } from "./parts/harmless.ts";
import { processParameters } from "./parts/named-process.ts";
import { refused } from "./parts/refused.ts";
import { readVm } from "./vm-facts.ts";

/** Gives a process that was cut off its network back. */
export const rejoinProcess = defineOperation({
  id: "vm.process.rejoin",
  summary: "Give one process of a guest its network back",
  on: "vm",
  parameters: processParameters,
  async plan({ host, target, parameters: { pid, started } }, signal) {
    const vm = await readVm(host, target, signal);
    const doing = `have process ${pid} of ${vm.name} rejoin the network`;
    const { processes } = await host.cuts.read(vm.uuid, signal);
    const [process, ...others] = processes.filter(
      (each) => each.pid === pid && (started === undefined || each.started === started),
    );
    if (process === undefined) throw refused(doing, "it is not cut off", "one that is");
    if (others.length > 0) {
      throw refused(doing, "several of this number are cut off", "`started` to say which");
    }
    const label = vm.labels.includes(isolatedLabel);
    return {
      steps: [
        `Let pass again what is of process ${pid}, started ${process.started} s after the guest's boot, and of what descends from it.`,
        ...(processes.length > 1
          ? [`${processes.length - 1} other processes stay cut off.`]
          : [`Take the rules for it from the interfaces of ${vm.name}.`]),
        ...(label ? [`${vm.name} stays isolated.`] : []),
      ],
      effects: [{ kind: "vm", id: vm.uuid, change: "changed" }],
      ...harmless,
      details: { uuid: vm.uuid, pid, started: process.started },
    };
  },
  async execute({ host, plan: { details } }, signal) {
    const { uuid, pid, started } = details;
    await host.cuts.rejoin(uuid, { pid, started }, signal);
  },
  async look({ host, plan: { details } }, signal) {
    const { processes, rules } = await host.cuts.read(details.uuid, signal);
    const isCut = processes.some(
      ({ pid, started }) => pid === details.pid && started === details.started,
    );
    if (isCut) return { kind: "undone" };
    return rules && processes.length === 0
      ? { kind: "partial", what: "its label, but not the rules" }
      : { kind: "done" };
  },
  // No `undo`: the label goes before the rules, and these in one transaction.
});
