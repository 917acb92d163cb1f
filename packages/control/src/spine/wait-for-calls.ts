import { setTimeout as sleep } from "node:timers/promises";
import type { HostAgent } from "@casemate/agent";
import { CasemateError, toCasemateError } from "@casemate/core";

/** How often libvirt is asked, in milliseconds. */
const interval = 200;

/** How long a call may take, in milliseconds: as long as libvirt has another wait for it. */
const patience = 30_000;

/**
 * Waits until libvirt is in no call that changes the VM: what it was told it goes on with, though whoever
 * told it is dead or waits no longer. Only then the host shows what became of it.
 *
 * libvirtd begins calls in the order in which it got them, so those of a connection that is gone have begun
 * before it answers here. A call that changes a VM holds the VM's lock, behind which every look at it waits;
 * it lets go of the lock for as long as QEMU owes it an answer, which is what is waited for, and for a job,
 * of which its operation knows whether it is to end.
 *
 * Throws `libvirt/failed` where the call is not over after 30 s: the QEMU hangs.
 */
export async function waitForCalls(
  { hypervisor: { domains } }: HostAgent,
  uuid: string,
  signal: AbortSignal,
): Promise<void> {
  const since = performance.now();
  try {
    while ((await domains.isOccupied(uuid, signal)) && !(await domains.job(uuid, signal))) {
      if (performance.now() - since >= patience) throw stuck(uuid);
      await sleep(interval, undefined, { signal }).catch(() => {}); // the next question says so
    }
  } catch (thrown) {
    const cause = toCasemateError(thrown);
    if (cause.code !== "vm/unknown") throw cause; // to a VM that is gone nothing is done
  }
}

function stuck(uuid: string): CasemateError {
  return new CasemateError(
    "libvirt/failed",
    `Cannot tell what becomes of VM ${uuid}: libvirt has been in a call for it for 30 s, expected its end.`,
  );
}
