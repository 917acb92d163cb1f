import type { BlockReader } from "../../block-reader.ts";
import { diskError } from "../../disk-error.ts";
import { readBytes } from "../../read-bytes.ts";
import { StructTable } from "../../struct-table.ts";
import type { Qcow2Header } from "./qcow2-header.ts";

/** docs/interop/qcow2.txt, "Snapshots". */
const ENTRY = new StructTable("QCow2 snapshot", "big", 40, {
  l1_table_offset: [0, "u64"],
  l1_size: [8, "u32"],
  id_str_size: [12, "u16"],
  name_size: [14, "u16"],
  date_sec: [16, "u32"],
  date_nsec: [20, "u32"],
  vm_clock_nsec: [24, "u64"],
  vm_state_size: [32, "u32"],
  extra_data_size: [36, "u32"],
});
/** "Extra data": the first 16 bytes are there in version 3. */
const EXTRA = new StructTable("QCow2 snapshot extra data", "big", 16, {
  vm_state_size_large: [0, "u64"],
  disk_size: [8, "u64"],
});

/** QEMU, block/qcow2.h: QCOW_MAX_SNAPSHOTS, QCOW_MAX_SNAPSHOT_EXTRA_DATA, QCOW_MAX_L1_SIZE. */
const MAX_SNAPSHOTS = 65_536;
const MAX_EXTRA_BYTES = 1024;
const MAX_L1_ENTRIES = (32 * 1024 * 1024) / 8;

/** An internal snapshot of a qcow2 image. */
export interface Qcow2Snapshot {
  readonly id: string;
  readonly name: string;
  readonly takenAt: Date;
  /** The virtual disk's size then, in bytes. */
  readonly size: number;
  /** Bytes of the VM's memory and devices kept with it; 0 for a snapshot of the disk only. */
  readonly vmStateSize: number;
  readonly l1Offset: number;
  readonly l1Entries: number;
}

/** The internal snapshots, in the image's order. Throws `disk/truncated`, `disk/damaged`. */
export function readQcow2Snapshots(
  file: BlockReader,
  { snapshotsOffset, snapshotCount, size, clusterBits }: Qcow2Header,
): readonly Qcow2Snapshot[] {
  if (snapshotCount > MAX_SNAPSHOTS) {
    throw damaged(`${snapshotCount} snapshots`, `at most ${MAX_SNAPSHOTS}`);
  }
  const snapshots: Qcow2Snapshot[] = [];
  let at = snapshotsOffset;
  for (let i = 0; i < snapshotCount; i += 1) {
    const raw = ENTRY.parse(readBytes(file, at, ENTRY.size, "a snapshot"));
    const { extra_data_size: extraBytes, id_str_size: idBytes, name_size: nameBytes } = raw;
    if (extraBytes > MAX_EXTRA_BYTES || raw.l1_size > MAX_L1_ENTRIES) {
      throw damaged(
        `snapshot ${i} with ${raw.l1_size} L1 entries, ${extraBytes} bytes of extra data`,
        "fewer",
      );
    }
    const rest = readBytes(file, at + ENTRY.size, extraBytes + idBytes + nameBytes, "a snapshot");
    const extra = extraBytes >= EXTRA.size ? EXTRA.parse(rest) : undefined;
    const l1Offset = raw.l1_table_offset;
    if (l1Offset % BigInt(2 ** clusterBits) !== 0n || l1Offset > MAX_SAFE) {
      throw damaged(`snapshot ${i} with an L1 table at ${l1Offset}`, "one at a cluster");
    }
    snapshots.push({
      id: rest.toString("utf8", extraBytes, extraBytes + idBytes),
      name: rest.toString("utf8", extraBytes + idBytes),
      takenAt: new Date(raw.date_sec * 1000 + Math.floor(raw.date_nsec / 1_000_000)),
      size: sizeOf(extra?.disk_size, size),
      vmStateSize: Number(extra?.vm_state_size_large ?? raw.vm_state_size),
      l1Offset: Number(l1Offset),
      l1Entries: raw.l1_size,
    });
    at += Math.ceil((ENTRY.size + rest.length) / 8) * 8;
  }
  return snapshots;
}

const MAX_SAFE = BigInt(Number.MAX_SAFE_INTEGER);

/** "disk_size": where there is none, the image's own. */
function sizeOf(size: bigint | undefined, otherwise: number): number {
  if (size === undefined || size === 0n) return otherwise;
  if (size > MAX_SAFE) throw damaged(`a snapshot of ${size} bytes`, "less than 8 PiB");
  return Number(size);
}

function damaged(seen: string, needed: string) {
  return diskError("disk/damaged", "read the snapshots of a qcow2 image", { seen, needed });
}
