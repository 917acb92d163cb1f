import { CasemateError } from "@casemate/core";
import { Type } from "typebox";
import { defineOperation, type Operation } from "../../spine/operation.ts";
import { checkRules, describeRuleProblem, loadRules } from "../../watch/rules/load-rules.ts";
import type { Rules } from "../../watch/rules/rules.ts";

/** Has the rules decide about findings that are in the directory of rules now. */
export function changeRules(rules: Rules): Operation {
  const { directory, channels } = rules;
  return defineOperation({
    id: "rules.change",
    summary: "Load the rules anew",
    on: "system",
    parameters: Type.Object({}, { additionalProperties: false }),
    async plan() {
      const [problem] = await checkRules(directory, channels);
      if (problem !== undefined) {
        throw new CasemateError(
          "operation/refused",
          `Cannot load the rules of ${directory}: ${describeRuleProblem(problem)}`,
          { next: "Correct it and run `casemate rules check`; what decides now goes on." },
        );
      }
      const { version } = await loadRules(directory, channels);
      return {
        steps: [`Load the rules of ${directory}; they decide from then on.`],
        effects: [{ kind: "policy", id: directory, change: "changed" }],
        irreversible: [],
        destroysState: false,
        downtime: false,
        diskBytes: 0,
        details: { from: rules.version, to: version },
      };
    },
    async execute({ plan: { details } }) {
      const { version } = await loadRules(directory, channels);
      if (version !== details.to) {
        throw new CasemateError(
          "operation/refused",
          `Cannot load the rules of ${directory}: they were changed again, expected what was planned.`,
        );
      }
      await rules.reload();
    },
    async look({ plan: { details } }) {
      return { kind: rules.version === details.to ? "done" : "undone" };
    },
  });
}
