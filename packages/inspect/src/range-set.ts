/** Ranges `[start, end)`, to be asked often whether something meets one of them. */
export class RangeSet {
  readonly #starts: bigint[] = [];
  readonly #ends: bigint[] = [];

  constructor(ranges: Iterable<{ readonly start: bigint; readonly end: bigint }>) {
    const sorted = [...ranges].sort((one, other) =>
      one.start < other.start ? -1 : one.start > other.start ? 1 : 0,
    );
    for (const { start, end } of sorted) {
      if (end <= start) continue;
      const last = this.#ends.length - 1;
      const before = this.#ends[last];
      if (before === undefined || start > before) {
        this.#starts.push(start);
        this.#ends.push(end);
      } else if (end > before) this.#ends[last] = end;
    }
  }

  /** Whether any of them has an address in common with `[start, end)`. */
  meets({ start, end }: { readonly start: bigint; readonly end: bigint }): boolean {
    let low = 0;
    let high = this.#starts.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#starts[middle] ?? 0n) < end) low = middle + 1;
      else high = middle;
    }
    return low > 0 && (this.#ends[low - 1] ?? 0n) > start;
  }
}
