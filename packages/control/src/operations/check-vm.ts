import { type GuestSweep, neededClasses } from "@casemate/agent";
import { milliseconds } from "@casemate/core";
import type { Allowances } from "@casemate/inspect";
import { detectors, usualDetectors } from "@casemate/inspect/detectors";
import type { YaraRuleFile } from "@casemate/scan";
import { Type } from "typebox";
import { CheckOrder, defaultSweepBudgetMs } from "../api/contract/check.ts";
import { YaraRulesDigest } from "../api/contract/yara-rules.ts";
import { defineOperation } from "../spine/operation.ts";
import { harmless } from "./parts/harmless.ts";
import { refused } from "./parts/refused.ts";
import { seeAnswer } from "./parts/see-answer.ts";
import { readVm } from "./vm-facts.ts";

/** What is checked unless it is told: what discloses nothing of what processes and files hold. */
const plain: readonly string[] = usualDetectors
  .filter(({ needs }) => needs.every((need) => need === "kernelMetadata" || need === "kernelText"))
  .map(({ id }) => id);

/** What rules are for. */
const ruled: readonly string[] = detectors
  .filter(({ given }) => given === "rules")
  .map(({ id }) => id);

interface Choice {
  readonly detectors?: readonly string[];
  readonly rules?: string;
}

function chosen({ detectors: ids, rules }: Choice): readonly string[] {
  return ids ?? (rules === undefined ? plain : [...plain, ...ruled]);
}

/** What a check goes by besides its parameters. */
export interface CheckGiven {
  /** What rules say is no sign of an attack on this VM. */
  readonly allowances: Allowances;
  /** Handed over with the check; its parameters tell which. */
  readonly rules?: readonly YaraRuleFile[] | undefined;
}

/** Has detectors look into a VM: its answer is their verdicts. */
export const checkVm = defineOperation({
  id: "vm.check",
  summary: "Check a guest for what lies",
  on: "vm",
  attended: true,
  shared: true,
  parameters: Type.Object(
    { ...CheckOrder, rules: Type.Optional(YaraRulesDigest) },
    { additionalProperties: false },
  ),
  needs(parameters) {
    return neededClasses(chosen(parameters)).map((dataClass) => `vm.inspect.${dataClass}`);
  },
  async plan({ host, target, parameters }, signal) {
    const { rules, allMemory = false, budget = defaultSweepBudgetMs } = parameters;
    const ids = chosen(parameters);
    const classes = neededClasses(ids);
    const vm = await readVm(host, target, signal);
    if (vm.runId === undefined) {
      throw refused(`check ${vm.name}`, `it is ${vm.state}`, "it to run or to be paused");
    }
    const isRuled = ids.some((id) => ruled.includes(id));
    if (isRuled && rules === undefined) {
      throw refused(`put ${vm.name} to rules`, "none are given", "some of YARA");
    }
    return {
      steps: [
        `Look into the memory of ${vm.name} (${classes.join(", ")}) and at the kernel on its disks: ${ids.join(", ")}.`,
        ...(isRuled
          ? [
              `Put ${allMemory ? "all memory of processes" : "what processes may execute"} and what memory has of files to the YARA rules with SHA-256 ${rules}.`,
            ]
          : []),
        "The guest is not touched.",
      ],
      effects: [{ kind: "memory", id: vm.uuid, change: "read" }],
      ...harmless,
      details: {
        uuid: vm.uuid,
        runId: vm.runId,
        detectors: [...ids],
        rules: rules ?? null,
        allMemory,
        budget,
      },
    };
  },
  async execute({ host, plan: { details }, given }, signal): Promise<GuestSweep> {
    const { allowances, rules } = given as CheckGiven; // the route for checks gives it, and nobody else asks
    const { uuid, detectors: ids, allMemory, budget } = details;
    const request = {
      detectors: ids,
      classes: neededClasses(ids),
      budget: milliseconds(budget),
      allowances,
      withDisks: true,
      ...{ rules, allMemory },
    };
    return await host.sweep(uuid, request, signal);
  },
  look: seeAnswer,
});
