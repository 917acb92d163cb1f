import { asDocument } from "../contract/document.ts";
import { HostList } from "../contract/host-list.ts";
import { defineRoute } from "../route.ts";

export const hosts = defineRoute({
  path: "/api/v1/hosts",
  summary: "The hypervisor hosts and whether they answer",
  access: { action: "host.read" },
  answer: HostList,
  async handle(_call, services) {
    const items: HostList["items"] = [];
    for (const host of services.hosts.values()) {
      const seen = await services.inventory.hostSeen(host.id);
      if (seen === undefined) continue; // attached this instant: not yet written down
      const { id, name, uri } = host;
      items.push({ id, name, uri, ...host.status(), ...seen });
    }
    return asDocument("HostList", { items });
  },
});
