import { setTimeout as sleep } from "node:timers/promises";
import type { HostAgent } from "@casemate/agent";
import { findJob } from "./find-job.ts";
import { presentFiles } from "./present-files.ts";

/** How often it is looked, in milliseconds. */
const interval = 200;

/**
 * Which of the files are there that libvirt is to make of a running VM's disks. While it has a job on the VM
 * they may yet come: it goes on with what it was told after a crash of Casemate's.
 */
export async function presentCopies(
  host: HostAgent,
  uuid: string,
  paths: readonly string[],
  signal: AbortSignal,
): Promise<readonly string[]> {
  for (;;) {
    const job = await findJob(host, uuid, signal); // asked first: what it made, it made before its end
    const there = await presentFiles(host, paths, signal);
    if (there.length > 0 || job === undefined) return there;
    await sleep(interval, undefined, { signal }).catch(() => {}); // the next question says so
  }
}
