import { asDocument } from "../contract/document.ts";
import { Health } from "../contract/health.ts";
import { defineRoute } from "../route.ts";

export const health = defineRoute({
  path: "/healthz",
  summary: "Whether this control plane can do its work now",
  access: "public",
  answer: Health,
  async handle(_call, { store, hosts }) {
    const storeState = await store.verifyWritable().then(
      () => "ok" as const,
      () => "failing" as const, // /healthz is public: the reason stands in the log
    );
    const states = [...hosts.values()].map((host) => host.status().connected);
    const hostState = states.length === 0 ? "starting" : states.every(Boolean) ? "ok" : "failing";
    return asDocument("Health", {
      status: storeState === "ok" && hostState === "ok" ? "ok" : "failing",
      store: storeState,
      hosts: hostState,
    });
  },
  statuses: [200, 503],
  statusOf: (answer) => (answer.status === "ok" ? 200 : 503),
});
