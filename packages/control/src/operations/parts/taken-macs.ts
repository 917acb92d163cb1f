import type { DomainDescription } from "@casemate/agent";

/** The MAC addresses of all VMs. */
export function takenMacs(vms: readonly DomainDescription[]): ReadonlySet<string> {
  return new Set(vms.flatMap(({ nics }) => nics.map(({ mac }) => mac)));
}
