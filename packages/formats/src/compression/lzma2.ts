import { LzmaState } from "./lzma-state.ts";
import { RangeDecoder } from "./range-decoder.ts";

/** The control byte of a chunk (XZ Utils, liblzma/lzma/lzma2_decoder.c). */
const END = 0x00;
const UNPACKED_RESET = 0x01;
const UNPACKED = 0x02;
const LZMA = 0x80;
const LC_LP_MOST = 4;
const LZMA_HEADER_BYTES = 5;

/** Where an LZMA2 stream ended. */
export interface Lzma2End {
  /** The byte after its end mark. */
  readonly at: number;
  /** How much of the target is filled. */
  readonly made: number;
}

/**
 * Expands an LZMA2 stream from byte `at` of `bytes` on to `made` and after in `target`; `undefined` where it
 * is damaged, cut off, or would not fit.
 *
 * HOSTILE: whoever made it. Matches reach back to the last reset of the dictionary at most.
 */
export function expandLzma2(
  bytes: Uint8Array,
  at: number,
  target: Uint8Array,
  made: number,
): Lzma2End | undefined {
  const state = new LzmaState();
  let from = at;
  let to = made;
  let dictionaryStart = -1;
  let needsProperties = true;
  let needsState = true;
  for (;;) {
    const control = bytes[from];
    if (control === undefined) return undefined;
    from += 1;
    if (control === END) return { at: from, made: to };
    // 1, and 0xe0 and above, reset the dictionary: the first chunk must.
    if (control >= 0xe0 || control === UNPACKED_RESET) {
      dictionaryStart = to;
      needsProperties = true;
    } else if (dictionaryStart < 0) return undefined;
    if (control < LZMA) {
      if (control > UNPACKED) return undefined;
      const length = (bytes[from] ?? 0) * 256 + (bytes[from + 1] ?? 0) + 1;
      from += 2;
      if (length > bytes.length - from || length > target.length - to) return undefined;
      target.set(bytes.subarray(from, from + length), to);
      from += length;
      to += length;
      if (control === UNPACKED_RESET) needsState = true;
      continue;
    }
    if (bytes.length - from < LZMA_HEADER_BYTES) return undefined;
    const high = (control & 0x1f) * 65_536;
    const unpacked = high + (bytes[from] ?? 0) * 256 + (bytes[from + 1] ?? 0) + 1;
    const packed = (bytes[from + 2] ?? 0) * 256 + (bytes[from + 3] ?? 0) + 1;
    from += 4;
    const reset = (control >>> 5) & 3; // 0 nothing, 1 state, 2 and 3 state and properties
    if (reset >= 2) {
      const properties = bytes[from] ?? 0;
      from += 1;
      const lc = properties % 9;
      const lp = Math.floor(properties / 9) % 5;
      const pb = Math.floor(properties / 45);
      if (pb > 4 || lc + lp > LC_LP_MOST) return undefined;
      state.setProperties(lc, lp, pb);
      needsProperties = false;
    } else if (needsProperties) return undefined;
    if (reset >= 1) {
      state.reset();
      needsState = false;
    } else if (needsState) return undefined;
    if (packed > bytes.length - from || unpacked > target.length - to) return undefined;
    const decoder = new RangeDecoder(bytes, from);
    const end = state.expand(decoder, target, to, to + unpacked, dictionaryStart);
    from += packed;
    if (!end || !decoder.isAtEnd || decoder.at !== from) return undefined;
    to += unpacked;
  }
}
