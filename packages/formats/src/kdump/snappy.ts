import { copyLiterals, copyMatch } from "../compression/copy-match.ts";

/** The upper six bits of a literal's tag from which on the length follows in bytes of its own. */
const LONG_LITERAL = 60;

/**
 * Expands one raw Snappy block (google/snappy, format_description.txt) into `target` and returns the
 * number of bytes it made; `undefined` where the block is damaged or would not fit.
 *
 * HOSTILE: whoever made the block. Every length and distance is checked before anything is copied.
 * Beyond the block's end a byte reads as 0 and `at` tells.
 */
export function expandSnappy(block: Uint8Array, target: Uint8Array): number | undefined {
  let at = 0;
  let total = 0;
  for (let scale = 1; ; scale *= 128) {
    const byte = block[at];
    if (byte === undefined || scale > 2 ** 28) return undefined;
    at += 1;
    total += (byte & 0x7f) * scale;
    if (byte < 0x80) break;
  }
  if (total > target.length) return undefined;

  let made = 0;
  while (at < block.length) {
    const tag = block[at] ?? 0;
    at += 1;
    const bits = tag >>> 2;
    let count = bits + 1;
    let distance = 0;
    switch (tag & 3) {
      case 0: {
        if (bits >= LONG_LITERAL) {
          const bytes = bits - LONG_LITERAL + 1;
          count = little(block, at, bytes) + 1;
          at += bytes;
        }
        if (count > block.length - at || count > total - made) return undefined;
        copyLiterals(block, at, target, made, count);
        at += count;
        made += count;
        continue;
      }
      case 1:
        count = (bits & 7) + 4;
        distance = (tag >>> 5) * 256 + (block[at] ?? 0);
        at += 1;
        break;
      case 2:
        distance = little(block, at, 2);
        at += 2;
        break;
      case 3:
        distance = little(block, at, 4);
        at += 4;
        break;
    }
    if (at > block.length || distance === 0 || distance > made || count > total - made) {
      return undefined;
    }
    copyMatch(target, made, distance, count);
    made += count;
  }
  return made === total ? made : undefined;
}

function little(block: Uint8Array, at: number, bytes: number): number {
  let value = 0;
  for (let i = bytes - 1; i >= 0; i -= 1) value = value * 256 + (block[at + i] ?? 0);
  return value;
}
