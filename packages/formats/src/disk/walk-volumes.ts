import type { BlockReader } from "./block-reader.ts";
import { openPartition, type Partition, readPartitionTable } from "./partition/partition-table.ts";

/** A part of a disk that may hold a file system. */
export interface DiskVolume {
  /** `undefined` where the whole disk is the volume. */
  readonly partition: Partition | undefined;
  readonly reader: BlockReader;
}

/** The partitions of a disk, or the disk itself where it has no partition table. Throws `disk/damaged`. */
export function* walkVolumes(disk: BlockReader): Generator<DiskVolume> {
  const table = readPartitionTable(disk);
  if (table === undefined) {
    yield { partition: undefined, reader: disk };
    return;
  }
  for (const partition of table.partitions) {
    yield { partition, reader: openPartition(disk, partition) };
  }
}
