/** Bytes of a page that are not what they should be. */
export interface PageDifference {
  /** In the page, in bytes. */
  readonly start: number;
  /** The first byte after it. */
  readonly end: number;
}

/** Equal bytes between two differences that belong to one change. */
const GAP = 8;

/** Where `seen` is not `expected`, as far as both go. */
export function pageDifferences(
  expected: Uint8Array,
  seen: Uint8Array,
): readonly [PageDifference, ...PageDifference[]] | undefined {
  const length = Math.min(expected.length, seen.length);
  if (Buffer.compare(expected.subarray(0, length), seen.subarray(0, length)) === 0)
    return undefined;
  const found: { start: number; end: number }[] = [];
  for (let at = 0; at < length; at += 1) {
    if (expected[at] === seen[at]) continue;
    const last = found.at(-1);
    if (last !== undefined && at - last.end <= GAP) last.end = at + 1;
    else found.push({ start: at, end: at + 1 });
  }
  const [first, ...others] = found;
  return first === undefined ? undefined : [first, ...others];
}
