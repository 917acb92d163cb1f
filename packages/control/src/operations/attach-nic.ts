import { type DefinitionDescription, isCutLabel, isolatedLabel } from "@casemate/agent";
import { Type } from "typebox";
import { defineOperation } from "../spine/operation.ts";
import { chooseScope, scopeParameter, scopeWords } from "./parts/change-scope.ts";
import { deriveIdentity } from "./parts/derive-identity.ts";
import { asNicSource, nicSource, nicSourceWords } from "./parts/nic-source.ts";
import { readDefinitions } from "./parts/read-definitions.ts";
import { refused } from "./parts/refused.ts";
import { seeChange } from "./parts/see-change.ts";
import { readVm } from "./vm-facts.ts";

/** Gives a VM a network interface. */
export const attachNic = defineOperation({
  id: "vm.nic.attach",
  summary: "Attach a network interface to a VM",
  on: "vm",
  parameters: Type.Object(
    {
      ...nicSource,
      mac: Type.Optional(
        Type.String({ pattern: "^[0-9a-fA-F][02468aceACE](:[0-9a-fA-F]{2}){5}$" }),
      ),
      model: Type.Optional(
        Type.Union([Type.Literal("virtio"), Type.Literal("e1000e"), Type.Literal("rtl8139")]),
      ),
      scope: scopeParameter,
    },
    { additionalProperties: false },
  ),
  async plan({ host, target, parameters, requestId }, signal) {
    const vm = await readVm(host, target, signal);
    const doing = `attach a network interface to ${vm.name}`;
    const source = asNicSource(parameters);
    if (source === undefined) {
      throw refused(doing, "it is not told where to", "either a network or a bridge");
    }
    const scope = chooseScope(doing, vm, parameters.scope);
    if (scope !== "config" && vm.labels.includes(isolatedLabel)) {
      throw refused(
        doing,
        "it is isolated, and the new interface would not be",
        "it to be released",
      );
    }
    if (scope !== "config" && vm.labels.some(isCutLabel)) {
      throw refused(
        doing,
        "a process of it is cut off, and would not be at the new interface",
        "it to rejoin",
      );
    }
    const { model = "virtio" } = parameters;
    const vms = await host.hypervisor.domains.list(signal);
    const { config } = await readDefinitions(host, vm.uuid, scope, signal);
    const taken = new Map(
      [...vms, ...(config === undefined ? [] : [config])].flatMap(({ name, nics }) =>
        nics.map((nic) => [nic.mac, name] as const),
      ),
    );
    const mac =
      parameters.mac?.toLowerCase() ?? deriveIdentity(requestId).mac(0, new Set(taken.keys()));
    const other = taken.get(mac);
    if (other !== undefined)
      throw refused(doing, `${other} has the address ${mac}`, "one that no VM has");
    return {
      steps: [
        `Attach the interface ${mac} (${model}) on ${nicSourceWords(source)} to ${vm.name} ${scopeWords(scope)}.`,
        "The guest can reach that network, and be reached from it, from then on.",
      ],
      effects: [
        { kind: "vm", id: vm.uuid, change: "changed" },
        {
          kind: "network",
          id: source.kind === "network" ? source.network : source.bridge,
          change: "changed",
        },
      ],
      irreversible: [],
      destroysState: false,
      downtime: false,
      diskBytes: 0,
      details: { uuid: vm.uuid, runId: vm.runId ?? null, scope, mac, model, source },
    };
  },
  async execute({ host, plan: { details } }, signal) {
    const { uuid, scope, mac, model, source } = details;
    const nic = { kind: "interface", mac, model, source } as const; // a literal
    await host.hypervisor.devices.attach(uuid, nic, scope, signal);
  },
  async look({ host, plan: { details } }, signal) {
    const { uuid, scope, mac } = details;
    const seen = await seeChange(host, { uuid, scope, what: `NIC ${mac}` }, hasNic(mac), signal);
    return seen.kind === "done" ? { kind: "done", result: { mac } } : seen;
  },
  async undo({ host, plan: { details } }, signal) {
    const { uuid, scope, mac } = details;
    const { live, config } = await readDefinitions(host, uuid, scope, signal);
    const { devices } = host.hypervisor;
    const name = { kind: "interface", mac } as const; // a literal
    if (live !== undefined && hasNic(mac)(live)) await devices.detach(uuid, name, "live", signal);
    if (config !== undefined && hasNic(mac)(config)) {
      await devices.detach(uuid, name, "config", signal);
    }
  },
});

function hasNic(mac: string): (definition: DefinitionDescription) => boolean {
  return ({ nics }) => nics.some((nic) => nic.mac === mac);
}
