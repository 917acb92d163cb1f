import { CasemateError } from "@casemate/core";
import { Type } from "typebox";
import type { Services } from "../../services.ts";
import { asDocument } from "../contract/document.ts";
import { Vm, VmList } from "../contract/vm.ts";
import { defineRoute } from "../route.ts";

export const vms = defineRoute({
  path: "/api/v1/vms",
  summary: "Every VM of every host, as the hypervisors tell it now",
  permission: "vms:read",
  answer: VmList,
  async handle({ signal }, services) {
    return asDocument("VmList", { items: await listVms(services, signal) });
  },
});

/** The name or the UUID of a VM, as libvirt accepts them. */
export const VmParams = Type.Object({ vm: Type.String({ minLength: 1, maxLength: 255 }) });

export const vm = defineRoute({
  path: "/api/v1/vms/:vm",
  summary: "One VM, by name or UUID",
  permission: "vms:read",
  params: VmParams,
  answer: Vm,
  async handle({ params, signal }, services) {
    return asDocument("Vm", await findVm(services, params.vm, signal));
  },
});

/** The VM with that name or UUID. Throws `vm/unknown`. */
export async function findVm(
  services: Services,
  nameOrUuid: string,
  signal: AbortSignal,
): Promise<VmList["items"][number]> {
  const items = await listVms(services, signal);
  const found =
    items.find(({ uuid }) => uuid === nameOrUuid) ?? items.find(({ name }) => name === nameOrUuid);
  if (found !== undefined) return found;
  throw new CasemateError(
    "vm/unknown",
    `Cannot find VM ${nameOrUuid}: ${items.length} VMs are there, none has this name or UUID.`,
  );
}

async function listVms(services: Services, signal: AbortSignal): Promise<VmList["items"]> {
  const items: VmList["items"] = [];
  for (const host of services.hosts.values()) {
    const present = await host.listVms(signal);
    const seen = await services.inventory.sawVms(host, present);
    for (const vm of present) {
      const times = seen.get(vm.uuid);
      if (times !== undefined) items.push({ ...vm, hostId: host.id, ...times });
    }
  }
  return items;
}
