import type { DomainJob, HostAgent } from "@casemate/agent";
import { toCasemateError } from "@casemate/core";

/** libvirt's job on the VM; undefined while there is none, and where the VM is gone. */
export async function findJob(
  { hypervisor: { domains } }: HostAgent,
  uuid: string,
  signal: AbortSignal,
): Promise<DomainJob | undefined> {
  try {
    return await domains.job(uuid, signal);
  } catch (thrown) {
    const cause = toCasemateError(thrown);
    if (cause.code === "vm/unknown") return undefined;
    throw cause;
  }
}
