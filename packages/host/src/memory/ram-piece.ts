import { gpa, type MemoryRange } from "@casemate/core";

/**
 * Guest RAM that lies in one run of a file: guest-physical `[start, end)` at byte `offset` of
 * descriptor number `file` in the list that goes with it. Plain data, so that it can be sent.
 */
export interface RamPiece {
  readonly start: number;
  readonly end: number;
  readonly file: number;
  readonly offset: number;
}

/** The pieces as ranges of RAM, those that touch joined; `pieces` must be sorted and disjoint. */
export function rangesOf(
  pieces: readonly { readonly start: number; readonly end: number }[],
): readonly MemoryRange[] {
  const ranges: MemoryRange[] = [];
  for (const { start, end } of pieces) {
    const last = ranges.at(-1);
    if (last !== undefined && last.end === start) {
      ranges[ranges.length - 1] = { start: last.start, end: gpa(end) };
    } else ranges.push({ start: gpa(start), end: gpa(end) });
  }
  return ranges;
}

/** The index of the first of the sorted pieces that ends after `address`. */
export function firstPieceAfter(
  pieces: readonly { readonly end: number }[],
  address: number,
): number {
  let low = 0;
  let high = pieces.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((pieces[middle]?.end ?? 0) <= address) low = middle + 1;
    else high = middle;
  }
  return low;
}
