import { type CasemateError, toCasemateError } from "@casemate/core";
import {
  type BlockReader,
  type FileSystem,
  type LuksKey,
  openFileSystem,
  type VolumeKind,
  type VolumeOrigin,
  walkVolumes,
} from "@casemate/formats/disk";
import type { SystemDisk } from "./system-disk.ts";

/** A part of a system's disks: its file system, or why it cannot be read, or neither where it has no files. */
export interface SystemVolume {
  readonly origin: VolumeOrigin;
  /** By its magic number; `undefined` where none is known, or where it cannot be read. */
  readonly kind: VolumeKind | undefined;
  /** In bytes; `undefined` where nobody can tell. */
  readonly size: number | undefined;
  readonly reader?: BlockReader;
  readonly files?: FileSystem;
  readonly problem?: CasemateError;
}

/** What holds no files itself. */
const WITHOUT_FILES: ReadonlySet<VolumeKind | undefined> = new Set(["swap", "LVM2_member"]);

/** Types of partitions that hold a boot loader's own bytes: BIOS boot, PReP (systemd, sd-gpt.h; GPT GUIDs). */
const BOOT_CODE: ReadonlySet<string> = new Set([
  "21686148-6449-6e6f-744e-656564454649",
  "9e1a2d38-c612-4316-aa26-8b49521e5a8b",
]);

/**
 * Every volume of `disks`, and for some a second time what else of it cannot be read. `key` is tried on
 * everything that is encrypted.
 */
export function findVolumes(
  disks: readonly SystemDisk[],
  key?: LuksKey | undefined,
): readonly SystemVolume[] {
  const found: SystemVolume[] = [];
  const unlocked = new Set<VolumeOrigin>();
  const readers = disks.map(({ reader }) => reader);
  const options = key === undefined ? {} : { unlock: () => key };
  for (const { origin, ...volume } of walkVolumes(readers, options)) {
    if (volume.problem !== undefined) {
      const size = origin.kind === "disk" ? readers[origin.disk]?.size : undefined;
      found.push({ origin, kind: undefined, size, problem: volume.problem });
      continue;
    }
    if (origin.kind === "decrypted") unlocked.add(origin.inside);
    const { holds: kind, reader } = volume;
    found.push({ origin, kind, size: reader.size, reader, ...open(origin, kind, reader) });
  }
  // What is encrypted is seen twice where it was opened: what it holds is in the second.
  return found.map(({ problem, ...volume }) =>
    problem === undefined || unlocked.has(volume.origin) ? volume : { ...volume, problem },
  );
}

function open(origin: VolumeOrigin, kind: VolumeKind | undefined, reader: BlockReader) {
  const type = origin.kind === "partition" ? origin.partition.type : "";
  if (WITHOUT_FILES.has(kind) || BOOT_CODE.has(type)) return {};
  try {
    return { files: openFileSystem(reader) };
  } catch (thrown) {
    return { problem: toCasemateError(thrown) };
  }
}
