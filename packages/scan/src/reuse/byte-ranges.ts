import { sortSpans } from "@casemate/formats/disk";

/** Stretches of bytes on a system's disks, none touching the next. */
export class ByteRanges {
  /** Start and end of each, one after the other, in order. */
  readonly spans: readonly number[];

  /** @param spans start and end of each, in any order. */
  constructor(spans: readonly number[]) {
    this.spans = sortSpans(spans);
  }

  get isEmpty(): boolean {
    return this.spans.length === 0;
  }

  /** In bytes. */
  get length(): number {
    let sum = 0;
    for (let at = 0; at < this.spans.length; at += 2) {
      sum += (this.spans[at + 1] ?? 0) - (this.spans[at] ?? 0);
    }
    return sum;
  }

  with(spans: readonly number[]): ByteRanges {
    return spans.length === 0 ? this : new ByteRanges([...this.spans, ...spans]);
  }

  /** Whether some byte is in both. @param spans start and end of each. */
  meets(spans: readonly number[]): boolean {
    for (let at = 0; at < spans.length; at += 2) {
      if (this.#meets(spans[at] ?? 0, spans[at + 1] ?? 0)) return true;
    }
    return false;
  }

  /** Looks at the last stretch that begins before `end`. */
  #meets(start: number, end: number): boolean {
    let [low, high] = [0, this.spans.length / 2];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.spans[middle * 2] ?? 0) < end) low = middle + 1;
      else high = middle;
    }
    return low > 0 && (this.spans[low * 2 - 1] ?? 0) > start;
  }
}
