import { type CasemateError, toCasemateError } from "@casemate/core";
import type { BlockReader } from "./block-reader.ts";
import { diskError } from "./disk-error.ts";
import { identifyVolume, type VolumeKind } from "./identify-volume.ts";
import { type LuksHeader, readLuksHeader } from "./luks/luks-header.ts";
import { openLuks } from "./luks/open-luks.ts";
import type { LuksKey } from "./luks/unlock-luks.ts";
import { type PhysicalVolume, readPhysicalVolume } from "./lvm/physical-volume.ts";
import { findVolumeGroups, walkLogicalVolumes } from "./lvm/walk-logical-volumes.ts";
import { openPartition, readPartitionTable } from "./partition/partition-table.ts";
import { traceFact } from "./trace/trace-reads.ts";
import type { VolumeOrigin } from "./volume-origin.ts";

/** A part of a system's disks that may hold a file system, or why it cannot be read. */
export type DiskVolume =
  | {
      readonly origin: VolumeOrigin;
      /** By its magic number; `undefined` where none is known. */
      readonly holds: VolumeKind | undefined;
      readonly reader: BlockReader;
      readonly problem?: undefined;
    }
  | {
      readonly origin: VolumeOrigin;
      readonly problem: CasemateError;
      readonly holds?: undefined;
      readonly reader?: undefined;
    };

export interface WalkOptions {
  /** What opens a LUKS volume; where it gives nothing the volume stays locked, and its origin is told. */
  readonly unlock?: (header: LuksHeader, origin: VolumeOrigin) => LuksKey | undefined;
}

/** A volume group in a volume of a volume group, and so on, LUKS in LUKS: nobody means more. */
const MAX_NESTED = 4;

/**
 * What the disks of one system hold: of each its partitions, or the disk itself where it has no partition
 * table; then the logical volumes on all of them together. After a LUKS volume comes what is in it, where
 * `unlock` opens it.
 *
 * What cannot be read is among them, with its reason; nothing is thrown but what `unlock` throws.
 */
export function* walkVolumes(
  disks: readonly BlockReader[],
  options: WalkOptions = {},
): Generator<DiskVolume> {
  const physicalVolumes: PhysicalVolume[] = [];
  const walkInto = (volume: DiskVolume) => walkVolume(volume, physicalVolumes, options);
  for (const [disk, reader] of disks.entries()) {
    for (const volume of walkDisk(disk, reader)) yield* walkInto(volume);
  }
  const walked = new Set<string>();
  for (let nested = 0; nested < MAX_NESTED; nested += 1) {
    const groups = [...findVolumeGroups(physicalVolumes).values()];
    for (const group of groups.filter(({ uuid }) => !walked.has(uuid))) {
      walked.add(group.uuid);
      // Those found meanwhile are of other groups: their turn is the next.
      for (const { volume, ...rest } of walkLogicalVolumes(group, [...physicalVolumes])) {
        const { name, uuid } = volume;
        const origin = { kind: "logical-volume", group: group.name, name, uuid } as const;
        if (rest.problem !== undefined) yield { origin, problem: rest.problem };
        else yield* walkInto(tryIdentify(origin, rest.reader));
      }
    }
  }
}

function* walkDisk(disk: number, reader: BlockReader): Generator<DiskVolume> {
  const whole = { kind: "disk", disk } as const;
  try {
    // A volume without a table begins with what changes all the time, where tables would be.
    const table = traceFact(
      () => readPartitionTable(reader),
      (found) => found && { ...found, problems: found.problems.map(({ message }) => message) },
    );
    if (table === undefined) {
      yield tryIdentify(whole, reader);
      return;
    }
    for (const problem of table.problems) yield { origin: whole, problem };
    for (const partition of table.partitions) {
      const origin = { kind: "partition", disk, partition } as const;
      yield tryIdentify(origin, openPartition(reader, partition));
    }
  } catch (thrown) {
    yield { origin: whole, problem: toCasemateError(thrown) };
  }
}

/** A volume, and what is in it: its part of a volume group, which is kept, or what was encrypted. */
function* walkVolume(
  volume: DiskVolume,
  physicalVolumes: PhysicalVolume[],
  options: WalkOptions,
  nested = 0,
): Generator<DiskVolume> {
  yield volume;
  const { origin, holds, reader } = volume;
  if (holds === "LVM2_member") {
    yield* addPhysicalVolume(origin, reader, physicalVolumes);
  } else if (holds === "crypto_LUKS" && options.unlock !== undefined && nested < MAX_NESTED) {
    const inner = unlock(origin, reader, options.unlock);
    if (inner !== undefined) yield* walkVolume(inner, physicalVolumes, options, nested + 1);
  }
}

function* addPhysicalVolume(
  origin: VolumeOrigin,
  reader: BlockReader,
  physicalVolumes: PhysicalVolume[],
): Generator<DiskVolume> {
  try {
    const found = readPhysicalVolume(reader);
    // HOSTILE, or a copy of a disk beside it: which of the two is meant nobody can tell; the first is taken.
    if (physicalVolumes.some(({ uuid }) => uuid === found.uuid)) {
      const seen = `${found.uuid} a second time`;
      throw diskError("disk/damaged", "read a physical volume", { seen, needed: "it once" });
    }
    physicalVolumes.push(found);
    for (const problem of found.problems) yield { origin, problem };
  } catch (thrown) {
    yield { origin, problem: toCasemateError(thrown) };
  }
}

/** What is in a LUKS volume; nothing where nobody has its key. */
function unlock(
  inside: VolumeOrigin,
  reader: BlockReader,
  findKey: NonNullable<WalkOptions["unlock"]>,
): DiskVolume | undefined {
  let header: LuksHeader;
  try {
    header = readLuksHeader(reader);
  } catch (thrown) {
    return { origin: inside, problem: toCasemateError(thrown) };
  }
  const key = findKey(header, inside);
  if (key === undefined) return undefined;
  const origin = { kind: "decrypted", inside, uuid: header.uuid } as const;
  try {
    return tryIdentify(origin, openLuks(reader, key, header));
  } catch (thrown) {
    return { origin, problem: toCasemateError(thrown) };
  }
}

function tryIdentify(origin: VolumeOrigin, reader: BlockReader): DiskVolume {
  try {
    return { origin, holds: traceFact(() => identifyVolume(reader)), reader };
  } catch (thrown) {
    return { origin, problem: toCasemateError(thrown) };
  }
}
