import type { PlacedRun } from "@casemate/formats/disk";
import type { KnownFile } from "./known-file.ts";
import { type ByteRange, RangeSet } from "./range-set.ts";

/**
 * The bytes of a file that were written, or are there no more: its blocks that are elsewhere than they were,
 * those of the same place that are in `touched`, and what its size takes in or leaves out.
 */
export function findWritten(
  before: KnownFile,
  after: KnownFile,
  touched: RangeSet,
  blockSize: number,
): readonly ByteRange[] {
  const size = Math.max(before.stat.size, after.stat.size);
  if (before.inside !== after.inside) return size === 0 ? [] : [{ start: 0, end: size }];
  const least = Math.min(before.stat.size, after.stat.size);
  const ranges: ByteRange[] = [{ start: least, end: size }];
  for (const { start, end, same } of comparePlaces(before.runs, after.runs)) {
    if (same === undefined) {
      ranges.push({ start: start * blockSize, end: end * blockSize });
      continue;
    }
    const from = same * blockSize;
    const by = start * blockSize - from;
    for (const range of touched.within(from, from + (end - start) * blockSize)) {
      ranges.push({ start: range.start + by, end: range.end + by });
    }
  }
  return [...new RangeSet(ranges).within(0, size)];
}

/** Blocks of a file that have been in one place, `same`, or are in another or in none. */
interface ComparedBlocks {
  readonly start: number;
  readonly end: number;
  readonly same: number | undefined;
}

function* comparePlaces(
  before: readonly PlacedRun[],
  after: readonly PlacedRun[],
): Generator<ComparedBlocks> {
  let [i, j, at] = [0, 0, 0];
  for (;;) {
    const [one, other] = [before[i], after[j]];
    if (one === undefined && other === undefined) return;
    const oneStart = Math.max(one?.logical ?? Infinity, at);
    const otherStart = Math.max(other?.logical ?? Infinity, at);
    const start = Math.min(oneStart, otherStart);
    const oneEnd = one === undefined ? Infinity : one.logical + one.count;
    const otherEnd = other === undefined ? Infinity : other.logical + other.count;
    // What begins later bounds what is alone until then.
    const end = Math.min(
      oneStart > start ? oneStart : oneEnd,
      otherStart > start ? otherStart : otherEnd,
    );
    const wasAt = oneStart === start && one ? one.physical + start - one.logical : undefined;
    const isAt = otherStart === start && other ? other.physical + start - other.logical : undefined;
    yield { start, end, same: wasAt === isAt ? isAt : undefined };
    at = end;
    if (oneEnd <= at) i += 1;
    if (otherEnd <= at) j += 1;
  }
}
