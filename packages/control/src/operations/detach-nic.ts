import { CasemateError } from "@casemate/core";
import { Type } from "typebox";
import { defineOperation } from "../spine/operation.ts";
import { chooseScope, scopeParameter, scopeWords } from "./parts/change-scope.ts";
import { readDefinitions } from "./parts/read-definitions.ts";
import { refused } from "./parts/refused.ts";
import { seeChange } from "./parts/see-change.ts";
import { readVm } from "./vm-facts.ts";

/** Takes a network interface out of a VM. */
export const detachNic = defineOperation({
  id: "vm.nic.detach",
  summary: "Detach a network interface from a VM",
  on: "vm",
  parameters: Type.Object(
    {
      mac: Type.String({ pattern: "^[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}$" }),
      scope: scopeParameter,
    },
    { additionalProperties: false },
  ),
  async plan({ host, target, parameters }, signal) {
    const vm = await readVm(host, target, signal);
    const mac = parameters.mac.toLowerCase();
    const doing = `detach the interface ${mac} from ${vm.name}`;
    const scope = chooseScope(doing, vm, parameters.scope);
    const { live, config } = await readDefinitions(host, vm.uuid, scope, signal);
    const lacking = [live, config].some(
      (definition) => definition !== undefined && !definition.nics.some((nic) => nic.mac === mac),
    );
    if (lacking) throw refused(doing, "it does not have it there", "an interface of this address");
    const { source } = (live ?? config)?.nics.find((nic) => nic.mac === mac) ?? {};
    const from =
      source?.kind === "network" ? source.network : source?.kind === "bridge" ? source.bridge : mac;
    return {
      steps: [
        `Detach the interface ${mac} from ${vm.name} ${scopeWords(scope)}.`,
        ...(live === undefined ? [] : ["The guest is asked to let it go, and may refuse."]),
      ],
      effects: [
        { kind: "vm", id: vm.uuid, change: "changed" },
        { kind: "network", id: from, change: "interrupted" },
      ],
      irreversible: live === undefined ? [] : ["Connections of the guest through it break."],
      destroysState: false,
      downtime: false,
      diskBytes: 0,
      details: { uuid: vm.uuid, runId: vm.runId ?? null, scope, mac },
    };
  },
  async execute({ host, plan: { details } }, signal) {
    const { uuid, scope, mac } = details;
    const { devices } = host.hypervisor;
    const name = { kind: "interface", mac } as const; // a literal
    // The definition keeps it for as long as the guest does not let it go.
    if (scope !== "config" && (await devices.detach(uuid, name, "live", signal)) === "asked") {
      throw new CasemateError(
        "operation/failed",
        `Cannot detach ${mac}: the guest has not let it go, expected it to within some seconds.`,
        { next: "Set its link down, or stop the VM." },
      );
    }
    if (scope !== "live") await devices.detach(uuid, name, "config", signal);
  },
  async look({ host, plan: { details } }, signal) {
    const { uuid, scope, mac } = details;
    return await seeChange(
      host,
      { uuid, scope, what: `NIC ${mac} is gone` },
      ({ nics }) => !nics.some((nic) => nic.mac === mac),
      signal,
    );
  },
});
