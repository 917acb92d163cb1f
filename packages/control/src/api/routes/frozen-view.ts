import { pauseLimit } from "@casemate/agent";
import { milliseconds } from "@casemate/core";
import { Type } from "typebox";
import { defaultBudgetMs, View, ViewParams, ViewQuery } from "../contract/view.ts";
import { readView } from "../read-view.ts";
import { defineRoute } from "../route.ts";

/** The same look, but the VM stands still for it: a `POST`, because it does something to the VM. */
export const frozenView = defineRoute({
  method: "POST",
  path: "/api/v1/vms/:vm/views/:view",
  summary: "What runs inside a VM, read while it is paused for the moment of the look",
  access: "spine",
  params: ViewParams,
  query: Type.Object({
    ...ViewQuery.properties,
    limit: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: pauseLimit.most,
        description: `When the VM is resumed whatever happens, in milliseconds (default ${pauseLimit.standard}).`,
      }),
    ),
  }),
  answer: View,
  async handle({ params, query, principal, signal }, services) {
    const { argument, budget = defaultBudgetMs, request: requestId } = query;
    const { limit = pauseLimit.standard } = query;
    const pause = { limit: milliseconds(limit) };
    const look = { view: params.view, argument, budget: milliseconds(budget), pause };
    return await readView({ vm: params.vm, look, principal, requestId, signal }, services);
  },
});
