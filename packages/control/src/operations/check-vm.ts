import { type GuestSweep, neededClasses } from "@casemate/agent";
import { milliseconds } from "@casemate/core";
import type { Allowances } from "@casemate/inspect";
import { detectors } from "@casemate/inspect/detectors";
import { Type } from "typebox";
import { defaultSweepBudgetMs } from "../api/contract/check.ts";
import { defineOperation } from "../spine/operation.ts";
import { refused } from "./parts/refused.ts";
import { readVm } from "./vm-facts.ts";

/** What is checked unless it is told: what discloses nothing of what processes and files hold. */
const plain: readonly string[] = detectors
  .filter(({ needs }) => needs.every((need) => need === "kernelMetadata" || need === "kernelText"))
  .map(({ id }) => id);

/** What a check goes by besides its parameters. */
export interface CheckGiven {
  /** What rules say is no sign of an attack on this VM. */
  readonly allowances: Allowances;
}

/** Has detectors look into a VM: its answer is their verdicts. */
export const checkVm = defineOperation({
  id: "vm.check",
  summary: "Check a guest for what lies",
  on: "vm",
  attended: true,
  shared: true,
  parameters: Type.Object(
    {
      detectors: Type.Optional(
        Type.Array(Type.String({ pattern: "^[a-z][a-z-]{0,63}$" }), {
          minItems: 1,
          maxItems: 100,
          description:
            "The detectors that look; unless given, those that read nothing of what processes and files hold.",
        }),
      ),
      budget: Type.Optional(
        Type.Integer({
          minimum: 1,
          maximum: 60_000,
          description: `Time each of them may take for a look, in milliseconds (default ${defaultSweepBudgetMs}).`,
        }),
      ),
    },
    { additionalProperties: false },
  ),
  needs({ detectors: chosen = plain }) {
    return neededClasses(chosen).map((dataClass) => `vm.inspect.${dataClass}`);
  },
  async plan({ host, target, parameters }, signal) {
    const { detectors: chosen = plain, budget = defaultSweepBudgetMs } = parameters;
    const classes = neededClasses(chosen);
    const vm = await readVm(host, target, signal);
    if (vm.runId === undefined) {
      throw refused(`check ${vm.name}`, `it is ${vm.state}`, "it to run or to be paused");
    }
    return {
      steps: [
        `Look into the memory of ${vm.name} (${classes.join(", ")}) and at the kernel on its disks: ${chosen.join(", ")}.`,
        "The guest is not touched.",
      ],
      effects: [{ kind: "memory", id: vm.uuid, change: "read" }],
      irreversible: [],
      destroysState: false,
      downtime: false,
      diskBytes: 0,
      details: { uuid: vm.uuid, runId: vm.runId, detectors: [...chosen], budget },
    };
  },
  async execute({ host, plan: { details }, given }, signal): Promise<GuestSweep> {
    const { allowances } = given as CheckGiven; // the route for checks gives it, and nobody else asks
    const { uuid, detectors: chosen, budget } = details;
    const request = {
      detectors: chosen,
      classes: neededClasses(chosen),
      budget: milliseconds(budget),
      allowances,
      withDisks: true,
    };
    return await host.sweep(uuid, request, signal);
  },
  async look({ executed }) {
    if (executed) return { kind: "done" };
    return {
      kind: "unknown",
      why: "Casemate ended before it is known whether the check was answered.",
    };
  },
});
