import { milliseconds } from "@casemate/core";
import { defaultBudgetMs, View, ViewParams, ViewQuery } from "../contract/view.ts";
import { readView } from "../read-view.ts";
import { defineRoute } from "../route.ts";

export const view = defineRoute({
  path: "/api/v1/vms/:vm/views/:view",
  summary: "What runs inside a VM, read from outside at this moment",
  access: "spine",
  params: ViewParams,
  query: ViewQuery,
  answer: View,
  async handle({ params, query, principal, signal }, services) {
    const { argument, budget = defaultBudgetMs, request: requestId } = query;
    const look = { view: params.view, argument, budget: milliseconds(budget) };
    return await readView({ vm: params.vm, look, principal, requestId, signal }, services);
  },
});
