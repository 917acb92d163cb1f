import { CasemateError } from "@casemate/core";
import { checkPolicies, describeProblem, loadPolicies } from "@casemate/policy";
import { Type } from "typebox";
import type { Policy } from "../../policy.ts";
import { defineOperation, type Operation } from "../../spine/operation.ts";

/** Has the policies decide that are in the policy directory now. */
export function changePolicy(policy: Policy): Operation {
  return defineOperation({
    id: "policy.change",
    summary: "Load the policies anew",
    on: "system",
    parameters: Type.Object({}, { additionalProperties: false }),
    async plan() {
      const { directory, engine } = policy;
      const [problem] = await checkPolicies(directory);
      if (problem !== undefined) {
        throw new CasemateError(
          "operation/refused",
          `Cannot load the policies of ${directory}: ${describeProblem(problem)}`,
          { next: "Correct it and run `casemate policy check`; what decides now goes on." },
        );
      }
      const { version } = await loadPolicies(directory);
      return {
        steps: [`Load the policies of ${directory}; they decide from then on.`],
        effects: [{ kind: "policy", id: directory, change: "changed" }],
        irreversible: [],
        destroysState: false,
        downtime: false,
        diskBytes: 0,
        details: { from: engine.version, to: version },
      };
    },
    async execute({ plan: { details } }) {
      const { version } = await loadPolicies(policy.directory);
      if (version !== details.to) {
        throw new CasemateError(
          "operation/refused",
          `Cannot load the policies of ${policy.directory}: they were changed again, expected what was planned.`,
        );
      }
      await policy.reload();
    },
    async look({ plan: { details } }) {
      return { kind: policy.engine.version === details.to ? "done" : "undone" };
    },
  });
}
