import { dirname } from "node:path";
import type { HostAgent } from "@casemate/agent";
import { formatBytes } from "@casemate/core";
import { refused } from "./refused.ts";

/**
 * Throws `operation/refused` where the file systems of the new files have not the room for them.
 *
 * Free space changes by itself, so it is no part of a plan.
 */
export async function verifyFreeSpace(
  doing: string,
  host: HostAgent,
  files: readonly { readonly path: string; readonly bytes: number }[],
  signal: AbortSignal,
): Promise<void> {
  const byDirectory = Map.groupBy(files, ({ path }) => dirname(path));
  for (const [directory, here] of byDirectory) {
    const needed = here.reduce((sum, { bytes }) => sum + bytes, 0);
    const free = await host.hypervisor.storage.freeSpace(directory, signal);
    if (free >= needed) continue;
    throw refused(
      doing,
      `${directory} has ${formatBytes(free)} free`,
      `${formatBytes(needed)} at least`,
      "Free space there, or choose another pool.",
    );
  }
}
