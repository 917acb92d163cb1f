import { formatVolumeOrigin } from "@casemate/formats/disk";
import type { SystemVolume } from "./find-volumes.ts";

/** A volume as a scan tells of it. HOSTILE: labels are the guest's. */
export interface VolumeDescription {
  /** `disk 1`, `partition 2 of disk 1`, `vg/root`. */
  readonly name: string;
  /** As `blkid` names it: `ext4`, `swap`, `crypto_LUKS`; absent where nothing is known. */
  readonly type?: string;
  readonly label?: string;
  readonly uuid?: string;
  /** In bytes; absent where nobody can tell. */
  readonly size?: number;
  /** Where the system has it; none where its fstab does not mount it. */
  readonly mountedAt: readonly string[];
  /** `none`: no files are to be there, as in swap. */
  readonly state: "read" | "unreadable" | "none";
}

export function describeVolume(
  { origin, kind, size, files, problem }: SystemVolume,
  mountedAt: readonly string[] = [],
): VolumeDescription {
  const type = files?.volume.type ?? kind;
  const { label = "", uuid = "" } = files?.volume ?? {};
  return {
    name: formatVolumeOrigin(origin),
    ...(type === undefined ? {} : { type }),
    ...(label === "" ? {} : { label }),
    ...(uuid === "" ? {} : { uuid }),
    ...(size === undefined ? {} : { size }),
    mountedAt,
    state: files !== undefined ? "read" : problem === undefined ? "none" : "unreadable",
  };
}
