import type { DomainDescription, HostAgent } from "@casemate/agent";
import { CasemateError } from "@casemate/core";
import type { Target } from "../spine/plan.ts";

/** The VM that an operation is about, as its host has it now. Throws `vm/unknown`. */
export async function readVm(
  host: HostAgent,
  target: Target,
  signal: AbortSignal,
): Promise<DomainDescription> {
  if (target.kind === "vm") return await host.hypervisor.domains.find(target.uuid, signal);
  throw new CasemateError("usage", "Cannot do this to a host: it is for a VM.");
}

/** Throws `operation/refused` unless the VM is in one of `states`. */
export function verifyState(
  doing: string,
  { name, state }: DomainDescription,
  states: readonly DomainDescription["state"][],
): void {
  if (states.includes(state)) return;
  throw new CasemateError(
    "operation/refused",
    `Cannot ${doing} ${name}: it is ${state}, expected ${states.join(" or ")}.`,
  );
}
