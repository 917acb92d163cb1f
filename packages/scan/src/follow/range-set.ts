/** Bytes from `start` to before `end`. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** Ranges of bytes in their order, none touching another. */
export class RangeSet implements Iterable<ByteRange> {
  readonly #ranges: readonly ByteRange[];

  /** @param ranges in any order; they may overlap. */
  constructor(ranges: Iterable<ByteRange>) {
    const merged: { start: number; end: number }[] = [];
    for (const { start, end } of [...ranges].toSorted((a, b) => a.start - b.start)) {
      if (end <= start) continue;
      const last = merged.at(-1);
      if (last !== undefined && start <= last.end) last.end = Math.max(last.end, end);
      else merged.push({ start, end });
    }
    this.#ranges = merged;
  }

  get isEmpty(): boolean {
    return this.#ranges.length === 0;
  }

  [Symbol.iterator](): Iterator<ByteRange> {
    return this.#ranges[Symbol.iterator]();
  }

  /** Whether any of the bytes from `start` to before `end` is in it. */
  touches(start: number, end: number): boolean {
    const first = this.#ranges[this.#indexAfter(start)];
    return first !== undefined && first.start < end;
  }

  /** What of the bytes from `start` to before `end` is in it. */
  *within(start: number, end: number): Generator<ByteRange> {
    for (let i = this.#indexAfter(start); ; i += 1) {
      const range = this.#ranges[i];
      if (range === undefined || range.start >= end) return;
      yield { start: Math.max(range.start, start), end: Math.min(range.end, end) };
    }
  }

  /** Which is the first that ends after byte `at`. */
  #indexAfter(at: number): number {
    let low = 0;
    let high = this.#ranges.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#ranges[middle]?.end ?? 0) > at) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}
