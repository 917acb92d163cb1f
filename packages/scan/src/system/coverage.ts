import type { TreeCount } from "../walk-files.ts";
import type { VolumeDescription } from "./describe-volume.ts";

/** How much of a system's disks was looked at. */
export interface Coverage {
  /** Of the volumes that may hold files, those that could be read; sizes in bytes. */
  readonly volumes: Amount;
  readonly bytes: Amount;
  /** Files and directories of the tree; absent where nothing asked for it to be walked. */
  readonly files?: Amount;
}

export interface Amount {
  readonly read: number;
  readonly total: number;
}

export function measureCoverage(
  volumes: readonly VolumeDescription[],
  walked: TreeCount | undefined,
): Coverage {
  const all = volumes.filter(({ state }) => state !== "none");
  const read = all.filter(({ state }) => state === "read");
  return {
    volumes: { read: read.length, total: all.length },
    bytes: { read: sizeOf(read), total: sizeOf(all) },
    ...(walked === undefined
      ? {}
      : { files: { read: walked.files - walked.unreadable, total: walked.files } }),
  };
}

const sizeOf = (volumes: readonly VolumeDescription[]): number =>
  volumes.reduce((sum, { size = 0 }) => sum + size, 0);
