import type { DomainDescription } from "@casemate/agent";
import { refused } from "./refused.ts";

/** Throws `operation/refused` where a VM of the host has the name. */
export function verifyNameFree(
  doing: string,
  name: string,
  vms: readonly DomainDescription[],
): void {
  const other = vms.find((vm) => vm.name === name);
  if (other === undefined) return;
  throw refused(doing, `VM ${other.uuid} has the name ${name}`, "a name that no VM has");
}
