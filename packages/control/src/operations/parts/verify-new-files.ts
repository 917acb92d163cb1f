import type { HostAgent } from "@casemate/agent";
import { presentFiles } from "./present-files.ts";
import { refused } from "./refused.ts";

/**
 * Throws `operation/refused` where something is at one of the paths, `storage/outside` for one that is in no
 * pool. What is there later was therefore made by the operation, and may be removed by it.
 */
export async function verifyNewFiles(
  doing: string,
  host: HostAgent,
  paths: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  for (const path of paths) await host.hypervisor.storage.verifyPath(path, signal);
  const [there] = await presentFiles(host, paths, signal);
  if (there !== undefined)
    throw refused(doing, `${there} is there already`, "nothing at that path");
}
