/** A snapshot as libvirt keeps it. HOSTILE: names and paths are its author's. */
export interface SnapshotDescription {
  readonly name: string;
  readonly parent: string | undefined;
  readonly current: boolean;
  readonly description: string | undefined;
  /** By the host's clock; seconds exact. */
  readonly createdAt: Date;
  /** libvirt's word for what the VM did then: `running`, `paused`, `shutoff`, `disk-snapshot`, … */
  readonly state: string;
  readonly memory: SnapshotMemory;
  readonly disks: readonly SnapshotDisk[];
  /** Digest of the VM's definition at that time, as `DefinitionDescription.digest`; undefined where it was not kept. */
  readonly definitionDigest: string | undefined;
}

export type SnapshotMemory =
  | { readonly kind: "none" }
  /** Inside the disk's qcow2. */
  | { readonly kind: "internal" }
  | { readonly kind: "external"; readonly path: string };

export type SnapshotDisk =
  | { readonly kind: "none"; readonly target: string }
  | { readonly kind: "internal"; readonly target: string }
  /** The overlay that took the writes after the snapshot; the state itself is the file below it. */
  | { readonly kind: "external"; readonly target: string; readonly overlay: string | undefined };
