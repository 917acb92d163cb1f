import type { HostAgent } from "@casemate/agent";

/** Removes what is there of the files; nothing where nothing is. Throws `storage/in-use` for a VM's disk. */
export async function removeFiles(
  { hypervisor: { storage } }: HostAgent,
  paths: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  for (const path of paths) await storage.removeFile(path, signal);
}
