import { Type } from "typebox";
import { defineRoute } from "../route.ts";

export const metrics = defineRoute({
  path: "/metrics",
  summary: "Figures for Prometheus, in its text format",
  access: { action: "system.read" },
  answer: Type.String(),
  produces: "text/plain",
  async handle(_call, services) {
    const { hostUp, breakGlassUses, findings } = services.metrics;
    hostUp.reset();
    for (const host of services.hosts.values()) {
      hostUp.set({ host: host.name }, host.status().connected ? 1 : 0);
    }
    const uses = await services.breakGlass.list();
    for (const reviewed of [true, false]) {
      const count = uses.filter(({ reviewedAt }) => (reviewedAt !== null) === reviewed).length;
      breakGlassUses.set({ reviewed: String(reviewed) }, count);
    }
    findings.reset();
    const known = await services.findings.list({ states: ["open", "acknowledged"] });
    for (const { state, severity } of known) findings.inc({ state, severity });
    return await services.metrics.render();
  },
});
