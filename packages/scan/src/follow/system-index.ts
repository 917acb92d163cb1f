import { CasemateError, toCasemateError } from "@casemate/core";
import {
  type BlockReader,
  formatVolumeOrigin,
  type VolumeOrigin,
  walkVolumes,
} from "@casemate/formats/disk";
import { type Missed, missedBy } from "../missed.ts";
import { findRoots } from "../system/find-root.ts";
import { findVolumes, type SystemVolume } from "../system/find-volumes.ts";
import { mountSystem } from "../system/mount-system.ts";
import type { SystemDisk } from "../system/system-disk.ts";
import type { FileEvent } from "./file-event.ts";
import { type ByteRange, RangeSet } from "./range-set.ts";
import { type TreeChanges, TreeIndex } from "./tree-index.ts";
import { MappedDisks, type MappedPiece, toVolume } from "./volume-map.ts";

/** About what all indexes of a system may take of memory: some 200,000 files. */
const MOST_BYTES = 128 * 1024 * 1024;

/** A volume that is followed. */
interface FollowedVolume {
  readonly origin: string;
  /** What its paths begin with: where it is mounted, or what it is in brackets. */
  readonly prefix: string;
  readonly pieces: readonly MappedPiece[];
  readonly index: TreeIndex;
}

/**
 * The files of a system by the bytes of its disks: what was written to the disks is known by file.
 *
 * Volumes with ext2, ext3 and ext4 are followed; others with files are missed. HOSTILE: the guest controls all
 * of the disks.
 */
export class SystemIndex {
  /** What is not followed, and why. */
  readonly missed: readonly Missed[];
  readonly #volumes: readonly FollowedVolume[];

  /** Reads the trees of all volumes, no file's contents. Never throws for what it meets on the disks. */
  constructor(disks: readonly SystemDisk[], mostBytes = MOST_BYTES) {
    const missed: Missed[] = [];
    const followed: FollowedVolume[] = [];
    const mapped = new MappedDisks(disks.map(({ reader }) => reader));
    const readable = disks.map(({ name }, i) => ({ name, reader: mapped.readers[i] ?? nothing }));
    const volumes = findVolumes(readable);
    const prefixes = findPrefixes(volumes);
    let left = mostBytes;
    for (const volume of volumes) {
      const origin = formatVolumeOrigin(volume.origin);
      const { problem, reader, files } = volume;
      try {
        if (problem !== undefined) throw problem;
        if (reader === undefined || files === undefined) continue;
        const pieces = mapped.map(verifyMapped(volume.origin, reader));
        const index = new TreeIndex(reader, left);
        left -= index.bytes;
        const prefix = prefixes.get(volume) ?? `[${origin}]`;
        followed.push({ origin, prefix, pieces, index });
        missed.push(...index.missed.map((each) => ({ ...each, what: prefix + each.what })));
      } catch (thrown) {
        missed.push(missedBy(prefixes.get(volume) || origin, toCasemateError(thrown)));
      }
    }
    this.missed = missed;
    this.#volumes = followed;
  }

  /** How many files and directories are known. */
  get files(): number {
    return this.#volumes.reduce((sum, { index }) => sum + index.files, 0);
  }

  /**
   * What happened to the files by the bytes that were written to the disks, which are as they are now; both in
   * their first order. Throws `disk/incomplete` where the volumes are other ones by now, and `disk/*`; then
   * the index is of no more use, and a new one has to be made.
   */
  update(disks: readonly SystemDisk[], written: readonly (readonly ByteRange[])[]): TreeChanges {
    const mapped = new MappedDisks(disks.map(({ reader }) => reader));
    const ranges = new Map(written.map((each, disk) => [disk, new RangeSet(each)]));
    const readers = new Map<string, BlockReader>();
    for (const volume of walkVolumes(mapped.readers)) {
      if (volume.problem === undefined)
        readers.set(formatVolumeOrigin(volume.origin), volume.reader);
    }
    const events: FileEvent[] = [];
    const missed: Missed[] = [];
    for (const { origin, prefix, pieces, index } of this.#volumes) {
      const reader = readers.get(origin);
      const now = reader === undefined ? [] : mapped.map(reader);
      if (reader === undefined || !isEqual(pieces, now)) throw isOther(origin);
      const touched = toVolume(pieces, ranges);
      if (touched.isEmpty) continue;
      const changes = index.update(reader, touched);
      for (const event of changes.events) events.push(below(prefix, event));
      missed.push(...changes.missed.map((each) => ({ ...each, what: prefix + each.what })));
    }
    return { events, missed };
  }
}

const nothing: BlockReader = { size: 0, read() {} };

/** Where each volume is mounted, without a slash at its end. */
function findPrefixes(volumes: readonly SystemVolume[]): ReadonlyMap<SystemVolume, string> {
  const [root] = findRoots(volumes);
  if (root === undefined) return new Map();
  const { paths } = mountSystem(root, volumes);
  return new Map([...paths].map(([volume, [path = ""]]) => [volume, path.replace(/\/$/, "")]));
}

/** Not what is encrypted: its bytes are nowhere on a disk. */
function verifyMapped(origin: VolumeOrigin, reader: BlockReader): BlockReader {
  if (origin.kind !== "decrypted") return reader;
  throw new CasemateError(
    "disk/unsupported",
    "Cannot follow an encrypted volume: its bytes are on no disk, expected one in clear.",
  );
}

function below(prefix: string, event: FileEvent): FileEvent {
  const path = prefix + event.path;
  return event.kind === "moved"
    ? { ...event, path, from: prefix + event.from }
    : { ...event, path };
}

function isEqual(some: readonly MappedPiece[], others: readonly MappedPiece[]): boolean {
  return (
    some.length === others.length &&
    some.every(({ disk, onDisk, inVolume, length }, i) => {
      const other = others[i];
      return (
        other?.disk === disk &&
        other.onDisk === onDisk &&
        other.inVolume === inVolume &&
        other.length === length
      );
    })
  );
}

function isOther(origin: string): CasemateError {
  return new CasemateError(
    "disk/incomplete",
    `Cannot follow ${origin}: it is not where it was, expected the same volume.`,
  );
}
