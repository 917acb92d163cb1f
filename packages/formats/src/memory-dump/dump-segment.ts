/** Guest-physical `[start, end)`, whole pages, that a dump file holds as they are from byte `offset` on. */
export interface DumpSegment {
  readonly start: number;
  readonly end: number;
  readonly offset: number;
}

const PAGE = 4096;

/**
 * Segments as a dump lists them, made sorted, disjoint and page-aligned: empty ones are dropped, and
 * where two tell the same addresses the one that starts first is kept.
 */
export function arrangeSegments(listed: readonly DumpSegment[]): readonly DumpSegment[] {
  const sorted = listed
    .map(({ start, end, offset }) => alignInwards(start, end, offset))
    .sort((a, b) => a.start - b.start || b.end - a.end);
  const arranged: DumpSegment[] = [];
  for (const segment of sorted) {
    const start = Math.max(segment.start, arranged.at(-1)?.end ?? 0);
    if (start >= segment.end) continue;
    arranged.push({ start, end: segment.end, offset: segment.offset + (start - segment.start) });
  }
  return arranged;
}

function alignInwards(start: number, end: number, offset: number): DumpSegment {
  const aligned = Math.ceil(start / PAGE) * PAGE;
  return {
    start: aligned,
    end: Math.floor(end / PAGE) * PAGE,
    offset: offset + (aligned - start),
  };
}
