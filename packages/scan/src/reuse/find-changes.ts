import { KiB, MiB } from "@casemate/core";
import type { BlockReader, Qcow2Image } from "@casemate/formats/disk";
import type { ScanBudget } from "../scan-budget.ts";

/** What is written again as it was is told from what changed in pieces of this size: inodes of ext4 have it. */
const GRAIN = 256;
const PIECE = 256 * KiB;
const WORD = Int32Array.BYTES_PER_ELEMENT;
/** HOSTILE: an overlay may say of all of a huge disk that it has it anew; beyond so much, it is believed. */
const MAX_COMPARED = 1024 * MiB;

/**
 * What an overlay makes of the disk below it otherwise: start and end of each stretch, in bytes.
 *
 * Only what the overlay itself has is read, and the same bytes below it. Throws `disk/*`, `inspect/budget`.
 */
export function findChanges(
  overlay: Qcow2Image,
  below: BlockReader,
  budget: ScanBudget,
): readonly number[] {
  const changes: number[] = [];
  const [above, under] = [new Int32Array(PIECE / WORD), new Int32Array(PIECE / WORD)];
  const bytesOf = (words: Int32Array, size: number) => new Uint8Array(words.buffer, 0, size);
  let compared = 0;
  for (const { kind, start, length } of overlay.walkRuns()) {
    budget.verify();
    if (kind === "unallocated") continue;
    const end = start + length;
    for (let at = start; at < end; at += PIECE) {
      const size = Math.min(PIECE, end - at);
      const isWhole = at + size <= below.size && size % WORD === 0;
      if (!isWhole || compared > MAX_COMPARED) {
        changes.push(at, end);
        break;
      }
      budget.verify();
      compared += size;
      overlay.read(at, bytesOf(above, size));
      below.read(at, bytesOf(under, size));
      addDifferences(above, under, size, at, changes);
    }
  }
  return changes;
}

/** Adds each piece of `GRAIN` in which two stretches of `length` bytes differ. */
function addDifferences(
  one: Int32Array,
  other: Int32Array,
  length: number,
  at: number,
  to: number[],
): void {
  const words = length / WORD;
  for (let start = 0; start < words; start += GRAIN / WORD) {
    const end = Math.min(words, start + GRAIN / WORD);
    let same = start;
    while (same < end && one[same] === other[same]) same += 1;
    if (same === end) continue;
    const from = at + start * WORD;
    if (to.at(-1) === from) to[to.length - 1] = at + end * WORD;
    else to.push(from, at + end * WORD);
  }
}
