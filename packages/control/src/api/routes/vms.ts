import { CasemateError } from "@casemate/core";
import { Type } from "typebox";
import type { Principal } from "../../accounts/principal.ts";
import type { Services } from "../../services.ts";
import { vmResource } from "../../spine/gate.ts";
import { asDocument } from "../contract/document.ts";
import { Vm, VmList } from "../contract/vm.ts";
import { findVm } from "../find-vm.ts";
import { defineRoute } from "../route.ts";

export const vms = defineRoute({
  path: "/api/v1/vms",
  summary: "Every VM that the caller may see, as the hypervisors tell it now",
  access: "spine",
  answer: VmList,
  async handle({ principal, signal }, services) {
    return asDocument("VmList", { items: await listVms(services, principal, signal) });
  },
});

/** The name or the UUID of a VM, as libvirt accepts them. */
export const VmParams = Type.Object({ vm: Type.String({ minLength: 1, maxLength: 255 }) });

export const vm = defineRoute({
  path: "/api/v1/vms/:vm",
  summary: "One VM, by name or UUID",
  access: { action: "vm.read" },
  params: VmParams,
  answer: Vm,
  async handle({ params, principal, signal }, services) {
    const { target } = await findVm(services, params.vm, signal);
    const vms = await listVms(services, principal, signal);
    const found = vms.find(({ uuid }) => uuid === target.uuid);
    if (found !== undefined) return asDocument("Vm", found);
    throw new CasemateError("vm/gone", `Cannot show ${target.name}: it went away just now.`);
  },
});

/** The VMs that the principal may see. */
async function listVms(
  { hosts, inventory, gate }: Services,
  principal: Principal,
  signal: AbortSignal,
): Promise<VmList["items"]> {
  const items: VmList["items"] = [];
  for (const host of hosts.values()) {
    const present = await host.hypervisor.domains.list(signal);
    const visible = present.filter((vm) => {
      const wanted = { principal, actions: ["vm.read"], resource: vmResource(vm, host) };
      return gate.decide(wanted).kind === "permitted";
    });
    const seen = await inventory.vmsSeen(
      host,
      visible.map(({ uuid }) => uuid),
    );
    for (const { uuid, name, state, vcpus, memory } of visible) {
      const times = seen.get(uuid);
      if (times === undefined) continue;
      items.push({ uuid, name, state, vcpus, memoryBytes: memory, hostId: host.id, ...times });
    }
  }
  return items.toSorted((one, other) => (one.name < other.name ? -1 : 1));
}
