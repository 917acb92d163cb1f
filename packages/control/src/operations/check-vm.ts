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

/** Those that disclose nothing of what processes and files hold. */
const discreet: readonly string[] = detectors
  .filter(({ needs }) => needs.every((need) => need === "kernelMetadata" || need === "kernelText"))
  .map(({ id }) => id);
/** What is checked unless it is told. */
const plain = usualDetectors.map(({ id }) => id).filter((id) => discreet.includes(id));

const givenOnly = (what: "rules" | "agent"): readonly string[] =>
  detectors.filter(({ given }) => given === what).map(({ id }) => id);

/** What rules are for. */
const ruled = givenOnly("rules");
/** What the agent in the guest is asked for. */
const answered = givenOnly("agent");

interface Choice {
  readonly detectors?: readonly string[];
  readonly rules?: string;
  readonly agent?: boolean;
}

function chosen({ detectors: ids, rules, agent }: Choice): readonly string[] {
  if (ids !== undefined) return ids;
  return [
    ...plain,
    ...(rules === undefined ? [] : ruled),
    ...(agent === true ? answered.filter((id) => discreet.includes(id)) : []),
  ];
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
    return [
      ...neededClasses(chosen(parameters)).map((dataClass) => `vm.inspect.${dataClass}`),
      ...(parameters.agent === true ? ["vm.inspect.agent"] : []),
    ];
  },
  async plan({ host, target, parameters }, signal) {
    const { rules, allMemory = false, agent = false } = parameters;
    const { budget = defaultSweepBudgetMs } = parameters;
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
    if (!agent && ids.some((id) => answered.includes(id))) {
      throw refused(`hold the agent of ${vm.name} against memory`, "it is not asked", "`agent`");
    }
    return {
      steps: [
        `Look into the memory of ${vm.name} (${classes.join(", ")}) and at the kernel on its disks: ${ids.join(", ")}.`,
        ...(isRuled
          ? [
              `Put ${allMemory ? "all memory of processes" : "what processes may execute"} and what memory has of files to the YARA rules with SHA-256 ${rules}.`,
            ]
          : []),
        agent
          ? "Ask the agent in the guest, which notices: it reads files and runs `ls /proc`. Nothing else is touched."
          : "The guest is not touched.",
      ],
      effects: [{ kind: "memory", id: vm.uuid, change: "read" }],
      ...harmless,
      details: {
        uuid: vm.uuid,
        runId: vm.runId,
        detectors: [...ids],
        rules: rules ?? null,
        allMemory,
        agent,
        budget,
      },
    };
  },
  async execute({ host, plan: { details }, given }, signal): Promise<GuestSweep> {
    const { allowances, rules } = given as CheckGiven; // the route for checks gives it, and nobody else asks
    const { uuid, detectors: ids, allMemory, agent, budget } = details;
    const request = {
      detectors: ids,
      classes: neededClasses(ids),
      budget: milliseconds(budget),
      allowances,
      withDisks: true,
      ...{ rules, allMemory, withAgent: agent },
    };
    return await host.sweep(uuid, request, signal);
  },
  look: seeAnswer,
});
