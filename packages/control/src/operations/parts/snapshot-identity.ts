import type { SnapshotDescription } from "@casemate/agent";

/** A snapshot in a sentence: its name, when it was taken, what it kept. */
export function snapshotWords({ name, createdAt, state, memory }: SnapshotDescription): string {
  const kept = memory.kind === "none" ? "disks" : "disks and memory";
  return `${name} of ${createdAt.toISOString()} (${kept}, the VM ${state})`;
}

/** What a plan knows a snapshot by: its name can be given again. */
export type SnapshotIdentity = { readonly name: string; readonly createdAt: string };

export function snapshotIdentity({ name, createdAt }: SnapshotDescription): SnapshotIdentity {
  return { name, createdAt: createdAt.toISOString() };
}

export function isSnapshot(snapshot: SnapshotDescription, identity: SnapshotIdentity): boolean {
  return snapshot.name === identity.name && snapshot.createdAt.toISOString() === identity.createdAt;
}
