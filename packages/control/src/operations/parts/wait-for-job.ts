import { setTimeout as sleep } from "node:timers/promises";
import type { HostAgent } from "@casemate/agent";
import { findJob } from "./find-job.ts";

/** How often libvirt is asked, in milliseconds. */
const interval = 200;

/**
 * Waits until libvirt has no job on the VM: after a crash of Casemate's it goes on with what it was told.
 * Only then the host shows what became of it.
 */
export async function waitForJob(
  host: HostAgent,
  uuid: string,
  signal: AbortSignal,
): Promise<void> {
  while ((await findJob(host, uuid, signal)) !== undefined) {
    await sleep(interval, undefined, { signal }).catch(() => {}); // the next question says so
  }
}
