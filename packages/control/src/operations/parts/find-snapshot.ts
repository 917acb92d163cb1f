import type { HostAgent, SnapshotDescription } from "@casemate/agent";
import { refused } from "./refused.ts";

/** The VM's snapshot of that name. Throws `operation/refused` where there is none. */
export async function findSnapshot(
  doing: string,
  host: HostAgent,
  uuid: string,
  name: string,
  signal: AbortSignal,
): Promise<SnapshotDescription> {
  const snapshots = await host.hypervisor.snapshots.list(uuid, signal);
  const found = snapshots.find((snapshot) => snapshot.name === name);
  if (found !== undefined) return found;
  const known = snapshots.map((snapshot) => snapshot.name).join(", ") || "none";
  throw refused(doing, `its snapshots are ${known}`, `one named ${name}`);
}

/** Whether any part of its state is in files beside the disks' own. */
export function isExternal({ memory, disks }: SnapshotDescription): boolean {
  return memory.kind === "external" || disks.some(({ kind }) => kind === "external");
}
