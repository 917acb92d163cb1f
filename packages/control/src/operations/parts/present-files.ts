import type { HostAgent } from "@casemate/agent";
import { partialPath } from "@casemate/host";

/** Which of the files are there, whole or begun. */
export async function presentFiles(
  { hypervisor: { storage } }: HostAgent,
  paths: readonly string[],
  signal: AbortSignal,
): Promise<readonly string[]> {
  const present: string[] = [];
  for (const path of paths) {
    const there =
      (await storage.stat(path, signal)) ?? (await storage.stat(partialPath(path), signal));
    if (there !== undefined) present.push(path);
  }
  return present;
}
