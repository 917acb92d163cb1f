import { inspectableView, pauseLimit } from "@casemate/agent";
import { milliseconds } from "@casemate/core";
import { Type } from "typebox";
import { defaultBudgetMs } from "../api/contract/view.ts";
import { defineOperation } from "../spine/operation.ts";
import { pauseParameter } from "./parts/pause-parameter.ts";
import { refused } from "./parts/refused.ts";
import { seeAnswer } from "./parts/see-answer.ts";
import { readVm } from "./vm-facts.ts";

/** Looks into a VM's memory: its answer is the view's table. */
export const inspectVm = defineOperation({
  id: "vm.inspect",
  summary: "Look into a guest",
  on: "vm",
  attended: true,
  shared: true,
  parameters: Type.Object(
    {
      view: Type.String({ pattern: "^[a-z][a-z-]{0,31}$" }),
      argument: Type.Optional(
        Type.String({
          maxLength: 4_096,
          description: "What some views are told besides: the PID or the path to look at.",
        }),
      ),
      budget: Type.Optional(
        Type.Integer({
          minimum: 1,
          maximum: 60_000,
          description: `Time the look may take, in milliseconds (default ${defaultBudgetMs}).`,
        }),
      ),
      pause: Type.Optional(pauseParameter("Has the VM stand still for the look.")),
    },
    { additionalProperties: false },
  ),
  // A look asks for each class of data by itself, so that policies can let people see one and not another.
  needs({ view, argument, pause }) {
    return [
      ...inspectableView({ view, argument }).needs.map((dataClass) => `vm.inspect.${dataClass}`),
      ...(pause === undefined ? [] : ["vm.inspect.pause"]),
    ];
  },
  async plan({ host, target, parameters }, signal) {
    const { view, argument, budget = defaultBudgetMs, pause } = parameters;
    const { needs } = inspectableView({ view, argument });
    const vm = await readVm(host, target, signal);
    if (vm.runId === undefined) {
      throw refused(`look into ${vm.name}`, `it is ${vm.state}`, "it to run or to be paused");
    }
    const limit = pause === undefined ? null : (pause.limit ?? pauseLimit.standard);
    const at = argument === undefined ? view : `${view} ${argument}`;
    return {
      steps: [
        ...(limit === null ? [] : [`Pause ${vm.name} for ${limit} ms at most.`]),
        `Read the view ${at} out of the memory of ${vm.name}: ${needs.join(", ")}.`,
        ...(limit === null ? ["The guest is not touched."] : [`Let ${vm.name} go on.`]),
      ],
      effects: [
        { kind: "memory", id: vm.uuid, change: "read" },
        ...(limit === null
          ? []
          : [{ kind: "vm" as const, id: vm.uuid, change: "interrupted" as const }]), // literals
      ],
      irreversible: [],
      destroysState: false,
      downtime: limit !== null,
      diskBytes: 0,
      details: {
        uuid: vm.uuid,
        runId: vm.runId,
        view,
        argument: argument ?? null,
        budget,
        pauseLimit: limit,
      },
    };
  },
  async execute({ host, plan: { details } }, signal) {
    const { uuid, view, argument, budget, pauseLimit: limit } = details;
    const request = {
      view,
      argument: argument ?? undefined,
      budget: milliseconds(budget),
      ...(limit === null ? {} : { pause: { limit: milliseconds(limit) } }),
    };
    return await host.inspect(uuid, request, signal);
  },
  look: seeAnswer,
});
