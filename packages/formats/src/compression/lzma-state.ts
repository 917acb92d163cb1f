import { copyMatch } from "./copy-match.ts";
import { HALF, type RangeDecoder } from "./range-decoder.ts";

/** LZMA specification (lzma-specification.txt of the LZMA SDK): counts of models. */
const STATES = 12;
const POS_STATES = 16;
const LITERAL_MODELS = 0x300;
/** States below it follow a literal. */
const FIRST_MATCH_STATE = 7;
const MIN_MATCH = 2;
const LENGTH_STATES = 4;
const FIRST_DIRECT_SLOT = 4;
const FIRST_ALIGNED_SLOT = 14;
const ALIGN_BITS = 4;

/** Where the models of a length are: choice, choice2, 16 trees of 3 bits, 16 of 3, one of 8. */
const LENGTH = { low: 2, mid: 2 + POS_STATES * 8, high: 2 + 2 * POS_STATES * 8 } as const;
const LENGTH_MODELS = LENGTH.high + 256;

/** The models of LZMA and what it remembers from one match to the next. */
export class LzmaState {
  readonly #isMatch = new Uint16Array(STATES * POS_STATES);
  readonly #isRep = new Uint16Array(STATES);
  readonly #isRepG0 = new Uint16Array(STATES);
  readonly #isRepG1 = new Uint16Array(STATES);
  readonly #isRepG2 = new Uint16Array(STATES);
  readonly #isRep0Long = new Uint16Array(STATES * POS_STATES);
  readonly #slots = new Uint16Array(LENGTH_STATES * 64);
  readonly #distances = new Uint16Array(128);
  readonly #align = new Uint16Array(1 << ALIGN_BITS);
  readonly #lengths = new Uint16Array(LENGTH_MODELS);
  readonly #repLengths = new Uint16Array(LENGTH_MODELS);
  readonly #literals = new Uint16Array(LITERAL_MODELS << 4);
  #lc = 0;
  #lpMask = 0;
  #pbMask = 0;
  #state = 0;
  #rep0 = 0;
  #rep1 = 0;
  #rep2 = 0;
  #rep3 = 0;

  /** lc + lp are 4 at most, as LZMA2 demands. */
  setProperties(lc: number, lp: number, pb: number): void {
    this.#lc = lc;
    this.#lpMask = (1 << lp) - 1;
    this.#pbMask = (1 << pb) - 1;
  }

  reset(): void {
    this.#state = 0;
    this.#rep0 = 0;
    this.#rep1 = 0;
    this.#rep2 = 0;
    this.#rep3 = 0;
    for (const models of [
      ...[this.#isMatch, this.#isRep, this.#isRepG0, this.#isRepG1, this.#isRepG2],
      ...[this.#isRep0Long, this.#slots, this.#distances, this.#align],
      ...[this.#lengths, this.#repLengths, this.#literals],
    ]) {
      models.fill(HALF);
    }
  }

  /**
   * Fills `target` from `start` to `end`; false where a match reaches before `dictionaryStart` or beyond
   * `end`.
   */
  expand(
    decoder: RangeDecoder,
    target: Uint8Array,
    start: number,
    end: number,
    dictionaryStart: number,
  ): boolean {
    for (let at = start; at < end; ) {
      const position = at - dictionaryStart;
      const posState = position & this.#pbMask;
      if (decoder.bit(this.#isMatch, this.#state * POS_STATES + posState) === 0) {
        const previous = position === 0 ? 0 : (target[at - 1] ?? 0);
        const matched = this.#state < FIRST_MATCH_STATE ? -1 : (target[at - this.#rep0 - 1] ?? 0);
        target[at] = this.#literal(decoder, position, previous, matched);
        at += 1;
        const state = this.#state;
        this.#state = state < 4 ? 0 : state < 10 ? state - 3 : state - 6;
        continue;
      }
      const length =
        decoder.bit(this.#isRep, this.#state) === 0
          ? this.#match(decoder, posState)
          : this.#repeat(decoder, posState);
      const distance = this.#rep0 + 1;
      if (distance > position || length > end - at) return false;
      copyMatch(target, at, distance, length);
      at += length;
    }
    return true;
  }

  #literal(decoder: RangeDecoder, position: number, previous: number, matched: number): number {
    const context = ((position & this.#lpMask) << this.#lc) + (previous >>> (8 - this.#lc));
    const base = LITERAL_MODELS * context;
    let symbol = 1;
    if (matched >= 0) {
      let match = matched;
      while (symbol < 0x100) {
        const matchBit = (match >>> 7) & 1;
        match <<= 1;
        const bit = decoder.bit(this.#literals, base + ((1 + matchBit) << 8) + symbol);
        symbol = (symbol << 1) | bit;
        if (bit !== matchBit) break;
      }
    }
    while (symbol < 0x100) symbol = (symbol << 1) | decoder.bit(this.#literals, base + symbol);
    return symbol & 0xff;
  }

  #match(decoder: RangeDecoder, posState: number): number {
    this.#rep3 = this.#rep2;
    this.#rep2 = this.#rep1;
    this.#rep1 = this.#rep0;
    const length = readLength(decoder, this.#lengths, posState);
    this.#state = this.#state < FIRST_MATCH_STATE ? 7 : 10;
    const lengthState = Math.min(length - MIN_MATCH, LENGTH_STATES - 1);
    const slot = decoder.tree(this.#slots, lengthState * 64, 6);
    this.#rep0 = slot < FIRST_DIRECT_SLOT ? slot : this.#distance(decoder, slot);
    return length;
  }

  #distance(decoder: RangeDecoder, slot: number): number {
    const directBits = (slot >>> 1) - 1;
    const base = (2 | (slot & 1)) * 2 ** directBits;
    if (slot < FIRST_ALIGNED_SLOT) {
      return base + decoder.reverseTree(this.#distances, base - slot, directBits);
    }
    const high = decoder.direct(directBits - ALIGN_BITS) * 2 ** ALIGN_BITS;
    return base + high + decoder.reverseTree(this.#align, 0, ALIGN_BITS);
  }

  #repeat(decoder: RangeDecoder, posState: number): number {
    const state = this.#state;
    if (decoder.bit(this.#isRepG0, state) === 0) {
      if (decoder.bit(this.#isRep0Long, state * POS_STATES + posState) === 0) {
        this.#state = state < FIRST_MATCH_STATE ? 9 : 11;
        return 1;
      }
    } else {
      let distance = this.#rep1;
      if (decoder.bit(this.#isRepG1, state) === 1) {
        distance = this.#rep2;
        if (decoder.bit(this.#isRepG2, state) === 1) {
          distance = this.#rep3;
          this.#rep3 = this.#rep2;
        }
        this.#rep2 = this.#rep1;
      }
      this.#rep1 = this.#rep0;
      this.#rep0 = distance;
    }
    this.#state = state < FIRST_MATCH_STATE ? 8 : 11;
    return readLength(decoder, this.#repLengths, posState);
  }
}

function readLength(decoder: RangeDecoder, models: Uint16Array, posState: number): number {
  if (decoder.bit(models, 0) === 0) {
    return MIN_MATCH + decoder.tree(models, LENGTH.low + posState * 8, 3);
  }
  if (decoder.bit(models, 1) === 0) {
    return MIN_MATCH + 8 + decoder.tree(models, LENGTH.mid + posState * 8, 3);
  }
  return MIN_MATCH + 16 + decoder.tree(models, LENGTH.high, 8);
}
