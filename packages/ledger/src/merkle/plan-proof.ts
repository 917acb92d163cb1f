/** Leaves `[start, end)` of a tree: the subtree over them is one hash of a proof. */
export interface LeafRange {
  readonly start: number;
  readonly end: number;
}

/** A full subtree: 2^`height` leaves, the first of them number `index` · 2^`height`. */
export interface SubtreePosition {
  readonly height: number;
  readonly index: number;
}

/** The largest power of two below `size`, which is at least 2 (RFC 6962, 2.1: k). */
function splitPoint(size: number): number {
  let k = 1;
  while (k * 2 < size) k *= 2;
  return k;
}

/** What the audit path of leaf `index` in a tree of `size` leaves holds, lowest first: PATH of RFC 6962, 2.1.1. */
export function planInclusion(index: number, size: number): readonly LeafRange[] {
  const path: LeafRange[] = [];
  let start = 0;
  let end = size;
  while (end - start > 1) {
    const middle = start + splitPoint(end - start);
    if (index < middle) {
      path.push({ start: middle, end });
      end = middle;
    } else {
      path.push({ start, end: middle });
      start = middle;
    }
  }
  return path.reverse();
}

/** What proves that a tree of `from` leaves, at least 1, is the beginning of one of `to`: PROOF of RFC 6962, 2.1.2. */
export function planConsistency(from: number, to: number): readonly LeafRange[] {
  const path: LeafRange[] = [];
  let start = 0;
  let end = to;
  // SUBPROOF(m, D, b): b is true as long as the old tree is a whole subtree from the first leaf on.
  while (end !== from) {
    const middle = start + splitPoint(end - start);
    if (from <= middle) {
      path.push({ start: middle, end });
      end = middle;
    } else {
      path.push({ start, end: middle });
      start = middle;
    }
  }
  if (start !== 0) path.push({ start, end });
  return path.reverse();
}

/** The full subtrees that a range of a proof consists of, left to right. Its start must be where the tree splits. */
export function splitRange({ start, end }: LeafRange): readonly SubtreePosition[] {
  const parts: SubtreePosition[] = [];
  for (let at = start; at < end; ) {
    let height = 0;
    while (at % 2 ** (height + 1) === 0 && at + 2 ** (height + 1) <= end) height += 1;
    parts.push({ height, index: at / 2 ** height });
    at += 2 ** height;
  }
  return parts;
}
