import type { DomainDescription, HostAgent } from "@casemate/agent";

/** The VM with `uuid`; undefined where the host has none. */
export async function findVm(
  { hypervisor: { domains } }: HostAgent,
  uuid: string,
  signal: AbortSignal,
): Promise<DomainDescription | undefined> {
  const vms = await domains.list(signal);
  return vms.find((vm) => vm.uuid === uuid);
}
