import { inspectableView } from "@casemate/agent";
import { CasemateError, milliseconds, toCasemateError } from "@casemate/core";
import { Type } from "typebox";
import { apiVersion } from "../contract/document.ts";
import { View } from "../contract/view.ts";
import { defineRoute } from "../route.ts";
import { findVm } from "./vms.ts";

const defaultBudgetMs = 2_000;

export const view = defineRoute({
  path: "/api/v1/vms/:vm/views/:view",
  summary: "What runs inside a VM, read from outside at this moment",
  permission: "inspect:kernelMetadata",
  params: Type.Object({
    vm: Type.String({ minLength: 1, maxLength: 255 }),
    view: Type.String({ pattern: "^[a-z][a-z-]{0,31}$" }),
  }),
  query: Type.Object({
    budget: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 60_000,
        description: `Time the look may take, in milliseconds (default ${defaultBudgetMs}).`,
      }),
    ),
  }),
  answer: View,
  async handle({ params, query, principal, signal }, services) {
    const { id, kind, columns, needs } = inspectableView(params.view);
    for (const need of needs) {
      if (principal.permissions.has(`inspect:${need}`)) continue;
      throw new CasemateError(
        "auth/denied",
        `Cannot read view ${id}: this token does not allow inspect:${need}, which the view needs.`,
      );
    }
    const found = await findVm(services, params.vm, signal);
    const host = services.hosts.get(found.hostId);
    if (host === undefined) {
      throw new CasemateError("vm/gone", `Cannot look into ${found.name}: its host is gone.`);
    }
    const end = await services.inspections.begin({
      tokenLabel: principal.label,
      vm: found,
      view: id,
      dataClass: needs.join(","),
    });
    const finish = async (outcome: string) => {
      services.metrics.inspections.inc({ view: id, outcome });
      await end(outcome);
    };
    try {
      const budget = milliseconds(query.budget ?? defaultBudgetMs);
      const table = await host.inspect(found.uuid, id, budget, signal);
      services.metrics.inspectionSeconds.observe({ view: id }, table.elapsedMs / 1_000);
      await finish("done");
      return {
        apiVersion,
        kind,
        view: id,
        subject: table.subject,
        takenAt: table.takenAt.toISOString(),
        elapsedMs: table.elapsedMs,
        consistency: table.consistency,
        columns: columns.map(({ key, title, align = "left" }) => ({ key, title, align })),
        items: [...table.items],
      };
    } catch (thrown) {
      await finish(toCasemateError(thrown).code);
      throw thrown;
    }
  },
});
