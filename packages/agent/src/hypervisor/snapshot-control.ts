import type { OnProgress, SnapshotDescription } from "@casemate/host";

export type SnapshotRequest = { readonly name: string; readonly description?: string } & (
  | {
      /** Disks, and the memory of a running VM, inside the qcow2; the VM stands still meanwhile. */
      readonly kind: "internal";
    }
  | {
      /** Disks to overlays; files by target, where libvirt's own names (`DISK.NAME`) are not wanted. */
      readonly kind: "external";
      readonly overlays?: Readonly<Record<string, string>>;
      /** The file that takes the memory of a running VM; without it the disks alone are kept. */
      readonly memory?: string;
    }
);

/** A domain's snapshots. */
export interface SnapshotControl {
  list(uuid: string, signal?: AbortSignal): Promise<readonly SnapshotDescription[]>;
  /** The definition that the snapshot kept; undefined where it kept none. Throws `snapshot/unknown`. */
  definition(uuid: string, name: string, signal?: AbortSignal): Promise<string | undefined>;
  /**
   * Takes a snapshot; all disks or none. Cancelling an external one's memory ends the job, the VM runs on
   * and the files are gone; an internal one cannot be cancelled. Throws `snapshot/exists`,
   * `storage/outside`, `storage/exists`.
   */
  create(
    uuid: string,
    request: SnapshotRequest,
    onProgress?: OnProgress,
    signal?: AbortSignal,
  ): Promise<SnapshotDescription>;
  /**
   * Goes back, to the state of then unless `state` says otherwise; what the VM did since is lost, its labels
   * stay. One that is isolated now, or was then, is so before it runs. Throws `snapshot/unknown`,
   * `snapshot/unsupported` for an external one before libvirt 9.9, and what isolating throws.
   */
  revert(
    uuid: string,
    name: string,
    options: { readonly state?: "running" | "paused"; readonly force?: boolean },
    signal?: AbortSignal,
  ): Promise<void>;
  /** What `remove` would remove; changes nothing. Throws `snapshot/unknown`. */
  planRemove(
    uuid: string,
    name: string,
    options: { readonly children?: boolean },
    signal?: AbortSignal,
  ): Promise<SnapshotRemoval>;
  /**
   * Deletes a snapshot, with its descendants where `children`; `notesOnly` leaves every state and file
   * where it is. Throws `snapshot/unknown`, `snapshot/unsupported`.
   */
  remove(
    uuid: string,
    name: string,
    options: { readonly children?: boolean; readonly notesOnly?: boolean },
    onProgress?: OnProgress,
    signal?: AbortSignal,
  ): Promise<void>;
}

export interface SnapshotRemoval {
  /** Names, the oldest first. */
  readonly snapshots: readonly string[];
  /** Whether states inside qcow2 images go. */
  readonly internal: boolean;
  /** Files of memory, and overlays that are merged into what lies below. */
  readonly files: readonly string[];
}
