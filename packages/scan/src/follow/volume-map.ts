import { CasemateError } from "@casemate/core";
import type { BlockReader } from "@casemate/formats/disk";
import { type ByteRange, RangeSet } from "./range-set.ts";

/** Bytes of a disk that are bytes of a volume, in their order. */
export interface MappedPiece {
  readonly disk: number;
  /** Where it begins on the disk, and in the volume. */
  readonly onDisk: number;
  readonly inVolume: number;
  readonly length: number;
}

/** What is asked of a volume at once; nothing is read. */
const CHUNK_BYTES = 16 * 1024 * 1024;
/** HOSTILE: stripes and extents may be as small as their format lets them be. */
const MOST_PIECES = 1_000_000;

/** Disks that tell, while a volume of theirs is mapped, where each read would go. */
export class MappedDisks {
  readonly readers: readonly BlockReader[];
  #asked: { readonly disk: number; readonly offset: number; readonly length: number }[] | undefined;

  constructor(disks: readonly BlockReader[]) {
    this.readers = disks.map((reader, disk) => ({
      size: reader.size,
      read: (offset: number, target: Uint8Array) => {
        if (this.#asked === undefined) reader.read(offset, target);
        else this.#asked.push({ disk, offset, length: target.length });
      },
    }));
  }

  /**
   * Where the bytes of a volume are that was opened through `readers`: of a disk, a partition, a logical
   * volume. Throws `disk/unsupported` where they are not simply on a disk: thin volumes, encrypted ones.
   */
  map(volume: BlockReader): readonly MappedPiece[] {
    const pieces: MappedPiece[] = [];
    const scratch = Buffer.allocUnsafeSlow(Math.min(CHUNK_BYTES, volume.size));
    for (let start = 0; start < volume.size; start += CHUNK_BYTES) {
      const chunk = scratch.subarray(0, Math.min(CHUNK_BYTES, volume.size - start));
      this.#asked = [];
      try {
        volume.read(start, chunk);
        let at = start;
        for (const { disk, offset, length } of this.#asked) {
          const last = pieces.at(-1);
          const goesOn = last?.disk === disk && last.onDisk + last.length === offset;
          if (goesOn) pieces.splice(-1, 1, { ...last, length: last.length + length });
          else pieces.push({ disk, onDisk: offset, inVolume: at, length });
          at += length;
        }
        if (at !== start + chunk.length || pieces.length > MOST_PIECES) throw notMapped();
      } finally {
        this.#asked = undefined;
      }
    }
    return pieces;
  }
}

/** Which bytes of a volume are those bytes of the disks. */
export function toVolume(
  pieces: readonly MappedPiece[],
  written: ReadonlyMap<number, RangeSet>,
): RangeSet {
  const ranges: ByteRange[] = [];
  for (const { disk, onDisk, inVolume, length } of pieces) {
    const by = inVolume - onDisk;
    for (const { start, end } of written.get(disk)?.within(onDisk, onDisk + length) ?? []) {
      ranges.push({ start: start + by, end: end + by });
    }
  }
  return new RangeSet(ranges);
}

function notMapped(): CasemateError {
  return new CasemateError(
    "disk/unsupported",
    "Cannot follow a volume: its bytes are not those of a disk, expected a partition or a linear volume.",
  );
}
