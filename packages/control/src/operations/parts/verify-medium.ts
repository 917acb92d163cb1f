import type { HostAgent } from "@casemate/agent";
import { findDiskUsers } from "./find-disk-users.ts";
import { refused } from "./refused.ts";

/**
 * Throws `operation/refused` unless `path` is a medium that a VM may read: another VM's disk would show its
 * data. `storage/outside` for one that is in no pool.
 */
export async function verifyMedium(
  doing: string,
  host: HostAgent,
  path: string,
  signal: AbortSignal,
): Promise<void> {
  await host.hypervisor.storage.verifyPath(path, signal);
  if ((await host.hypervisor.storage.stat(path, signal)) === undefined) {
    throw refused(doing, `nothing is at ${path}`, "a medium");
  }
  const users = await findDiskUsers(doing, host, new Set([path]), undefined, signal);
  const disk = users.find((user) => user.as === "backing file" || !user.readonly);
  if (disk === undefined) return;
  throw refused(
    doing,
    `${path} is a ${disk.as} of ${disk.vm} (${disk.target})`,
    "a medium that is no VM's disk",
  );
}
