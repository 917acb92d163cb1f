import type { AgentVm, HostAgent } from "@casemate/agent";
import { CasemateError } from "@casemate/core";
import type { Services } from "../services.ts";
import type { Target } from "../spine/plan.ts";

/** A VM that is there, and the host that has it. */
export interface FoundVm {
  readonly vm: AgentVm;
  readonly host: HostAgent;
  readonly target: Extract<Target, { kind: "vm" }>;
}

/** The VM with that UUID or name. Throws `vm/unknown`. */
export async function findVm(
  { hosts }: Pick<Services, "hosts">,
  nameOrUuid: string,
  signal?: AbortSignal,
): Promise<FoundVm> {
  const found: FoundVm[] = [];
  for (const host of hosts.values()) {
    for (const vm of await host.listVms(signal)) {
      const target = { kind: "vm", uuid: vm.uuid, name: vm.name, hostId: host.id } as const;
      found.push({ vm, host, target });
    }
  }
  const match =
    found.find(({ vm }) => vm.uuid === nameOrUuid) ??
    found.find(({ vm }) => vm.name === nameOrUuid);
  if (match !== undefined) return match;
  throw new CasemateError(
    "vm/unknown",
    `Cannot find VM ${nameOrUuid}: ${found.length} VMs are there, none has this name or UUID.`,
  );
}
