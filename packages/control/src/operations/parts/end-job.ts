import type { HostAgent } from "@casemate/agent";
import { findJob } from "./find-job.ts";
import { waitForJob } from "./wait-for-job.ts";

/** Ends what libvirt still does on the VM for an operation that is being taken back; a VM that is gone has none. */
export async function endJob(host: HostAgent, uuid: string, signal: AbortSignal): Promise<void> {
  const { domains } = host.hypervisor;
  if ((await findJob(host, uuid, signal)) === undefined) return;
  await domains.abortJob(uuid, signal);
  await waitForJob(host, uuid, signal);
}
