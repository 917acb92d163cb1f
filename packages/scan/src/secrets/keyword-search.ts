/** Wu and Manber, "A fast algorithm for multi-pattern searching" (TR-94-17): the shortest keyword it takes. */
const WINDOW = 4;
const LAST = WINDOW - 2;

interface Keyword {
  readonly index: number;
  readonly folded: Uint8Array;
}

/** A keyword that is in the bytes, its case aside. */
export interface KeywordHit {
  readonly at: number;
  /** Into the keywords that were given. */
  readonly keyword: number;
}

/**
 * Finds many keywords in one pass over bytes: two bytes are looked up at a time, and most of them say that the
 * next three places have nothing. Each keyword has four ASCII characters at least.
 */
export class KeywordSearch {
  readonly #shift = new Uint8Array(0x1_0000).fill(LAST + 1);
  readonly #keywords = new Map<number, Keyword[]>();

  constructor(keywords: readonly string[]) {
    for (const [index, keyword] of keywords.entries()) {
      const folded = Buffer.from(keyword.toLowerCase(), "latin1");
      for (let i = 0; i <= LAST; i += 1) {
        for (const pair of casesOf(folded[i] ?? 0, folded[i + 1] ?? 0)) {
          this.#shift[pair] = Math.min(this.#shift[pair] ?? 0, LAST - i);
          if (i !== LAST) continue;
          const same = this.#keywords.get(pair) ?? [];
          same.push({ index, folded });
          this.#keywords.set(pair, same);
        }
      }
    }
  }

  /** What begins from byte `from` on and before `to`, in its order; it may end after `to`. */
  *walk(bytes: Uint8Array, from: number, to: number): Generator<KeywordHit> {
    for (const at of this.#skim(bytes, from, Math.min(to, bytes.length - WINDOW + 1))) {
      for (const { index, folded } of this.#keywords.get(pairAt(bytes, at)) ?? []) {
        if (isAt(folded, bytes, at)) yield { at, keyword: index };
      }
    }
  }

  /**
   * The places before `end` where a keyword may begin, in their order. Each look-up waits for the one before it,
   * so that four quarters are looked through beside each other: that takes little longer than one.
   */
  #skim(bytes: Uint8Array, from: number, end: number): readonly number[] {
    const shift = this.#shift;
    const quarter = Math.max(0, end - from) >>> 2;
    const second = from + quarter;
    const third = second + quarter;
    const fourth = third + quarter;
    const found: readonly [number[], number[], number[], number[]] = [[], [], [], []];
    let a = from;
    let b = second;
    let c = third;
    let d = fourth;
    while (a < second && b < third && c < fourth && d < end) {
      const skipA = shift[pairAt(bytes, a)] ?? 0;
      const skipB = shift[pairAt(bytes, b)] ?? 0;
      const skipC = shift[pairAt(bytes, c)] ?? 0;
      const skipD = shift[pairAt(bytes, d)] ?? 0;
      if (skipA === 0) found[0].push(a);
      if (skipB === 0) found[1].push(b);
      if (skipC === 0) found[2].push(c);
      if (skipD === 0) found[3].push(d);
      a += skipA || 1;
      b += skipB || 1;
      c += skipC || 1;
      d += skipD || 1;
    }
    this.#skimRest(bytes, a, second, found[0]);
    this.#skimRest(bytes, b, third, found[1]);
    this.#skimRest(bytes, c, fourth, found[2]);
    this.#skimRest(bytes, d, end, found[3]);
    return found.flat();
  }

  #skimRest(bytes: Uint8Array, from: number, end: number, found: number[]): void {
    for (let at = from; at < end; ) {
      const skip = this.#shift[pairAt(bytes, at)] ?? 0;
      if (skip === 0) found.push(at);
      at += skip || 1;
    }
  }
}

/** The last two bytes of the window at `at`. */
const pairAt = (bytes: Uint8Array, at: number): number =>
  ((bytes[at + LAST] ?? 0) << 8) | (bytes[at + LAST + 1] ?? 0);

function isAt(folded: Uint8Array, bytes: Uint8Array, at: number): boolean {
  for (let i = 0; i < folded.length; i += 1) {
    if (fold(bytes[at + i] ?? 0) !== folded[i]) return false;
  }
  return true;
}

const fold = (byte: number): number => (byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte);

function* casesOf(first: number, second: number): Generator<number> {
  for (const one of bothCases(first)) {
    for (const other of bothCases(second)) yield (one << 8) | other;
  }
}

const bothCases = (byte: number): readonly number[] =>
  byte >= 0x61 && byte <= 0x7a ? [byte, byte & ~0x20] : [byte];
