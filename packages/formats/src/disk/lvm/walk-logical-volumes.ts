import { type CasemateError, toCasemateError } from "@casemate/core";
import type { BlockReader } from "../block-reader.ts";
import { LogicalVolumes } from "./logical-volumes.ts";
import type { PhysicalVolume } from "./physical-volume.ts";
import { type LogicalVolume, readText, type VolumeGroup } from "./volume-group.ts";

/** A logical volume that the system shows, or why it cannot be read. */
export type WalkedLogicalVolume = {
  readonly group: VolumeGroup;
  readonly volume: LogicalVolume;
} & (
  | { readonly reader: BlockReader; readonly problem?: undefined }
  | { readonly problem: CasemateError; readonly reader?: undefined }
);

/** The volume groups that some of these physical volumes tell of, each as its newest copy has it, by UUID. */
export function findVolumeGroups(
  physicalVolumes: readonly PhysicalVolume[],
): ReadonlyMap<string, VolumeGroup> {
  const groups = new Map<string, VolumeGroup>();
  for (const { group } of physicalVolumes) {
    if (group === undefined) continue;
    const known = groups.get(group.uuid);
    if (known === undefined || known.seqno < group.seqno) groups.set(group.uuid, group);
  }
  return groups;
}

/** The visible logical volumes of a group on those of its physical volumes that are there. */
export function* walkLogicalVolumes(
  group: VolumeGroup,
  physicalVolumes: readonly PhysicalVolume[],
): Generator<WalkedLogicalVolume> {
  const members = new Map(physicalVolumes.map(({ uuid, reader }) => [uuid, reader]));
  const volumes = new LogicalVolumes(group, (uuid) => members.get(uuid));
  const snapshots = findSnapshots(group);
  for (const volume of group.logicalVolumes.values()) {
    // The store of a snapshot has its name, and the snapshot one that nobody sees.
    const snapshot = snapshots.get(volume.name);
    const isShown = volume.isVisible || snapshot !== undefined;
    if (!isShown || hasNoContents(volume)) continue;
    let reader: BlockReader;
    try {
      reader = volumes.open(snapshot ?? volume);
    } catch (thrown) {
      yield { group, volume, problem: toCasemateError(thrown) };
      continue;
    }
    yield { group, volume, reader };
  }
}

/** Snapshots by the name of their store. */
function findSnapshots(group: VolumeGroup): ReadonlyMap<string, LogicalVolume> {
  const snapshots = new Map<string, LogicalVolume>();
  for (const volume of group.logicalVolumes.values()) {
    for (const { type, section } of volume.segments) {
      if (type === "snapshot") snapshots.set(readText(section, "cow_store"), volume);
    }
  }
  return snapshots;
}

/** A pool is what others are made of; a snapshot is shown under the name of its store. */
function hasNoContents({ segments }: LogicalVolume): boolean {
  return segments.some(({ type }) => type === "snapshot" || type.endsWith("-pool"));
}
