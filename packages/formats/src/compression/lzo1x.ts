import { copyLiterals, copyMatch } from "./copy-match.ts";

/** Of how many literals the last instruction copied, only "none", 1 to 3, and "more" matter. */
const MORE_LITERALS = 4;
/** The distance of an M4 match (code 16 to 31) with no bits set, which ends the stream. */
const END_DISTANCE = 16384;

/**
 * Expands one LZO1X block (Linux, Documentation/staging/lzo.rst, bitstream version 0) into `target` and
 * returns the number of bytes it made; `undefined` where the block is damaged or would not fit.
 *
 * HOSTILE: whoever made the block. Every length and distance is checked before anything is copied.
 * Beyond the block's end a byte reads as 0 and `at` tells, so that one check an instruction suffices.
 */
export function expandLzo1x(block: Uint8Array, target: Uint8Array): number | undefined {
  let at = 0;
  let made = 0;
  let state = 0;
  let literals = 0;

  const first = block[0] ?? 0;
  if (first > 17) {
    literals = first - 17;
    at = 1;
    if (literals > block.length - at || literals > target.length) return undefined;
    copyLiterals(block, at, target, 0, literals);
    at += literals;
    made = literals;
    state = Math.min(literals, MORE_LITERALS);
  }

  while (at < block.length) {
    const code = block[at] ?? 0;
    at += 1;
    let count = 0;
    let distance = 0;
    literals = code & 3;
    if (code >= 64) {
      count = code >= 128 ? 5 + ((code >>> 5) & 3) : 3 + ((code >>> 5) & 1);
      distance = (block[at] ?? 0) * 8 + ((code >>> 2) & 7) + 1;
      at += 1;
    } else if (code >= 16) {
      const mask = code >= 32 ? 31 : 7;
      count = code & mask;
      if (count === 0) {
        const zeros = countZeros(block, at);
        count = mask + 255 * zeros + (block[at + zeros] ?? 0);
        at += zeros + 1;
      }
      count += 2;
      const operand = (block[at] ?? 0) + (block[at + 1] ?? 0) * 256;
      at += 2;
      literals = operand & 3;
      distance = (operand >>> 2) + (code >= 32 ? 1 : END_DISTANCE + ((code & 8) << 11));
      if (code < 32 && distance === END_DISTANCE) return at <= block.length ? made : undefined;
    } else if (state !== 0) {
      count = state === MORE_LITERALS ? 3 : 2;
      distance = (block[at] ?? 0) * 4 + (code >>> 2) + (state === MORE_LITERALS ? 2049 : 1);
      at += 1;
    } else {
      literals = code;
      if (literals === 0) {
        const zeros = countZeros(block, at);
        literals = 15 + 255 * zeros + (block[at + zeros] ?? 0);
        at += zeros + 1;
      }
      literals += 3;
    }

    if (distance > made || literals > block.length - at) return undefined;
    if (count + literals > target.length - made) return undefined;
    copyMatch(target, made, distance, count);
    copyLiterals(block, at, target, made + count, literals);
    at += literals;
    made += count + literals;
    state = Math.min(literals, MORE_LITERALS);
  }
  return undefined; // no end mark
}

function countZeros(block: Uint8Array, at: number): number {
  let end = at;
  while (end < block.length && block[end] === 0) end += 1;
  return end - at;
}
