import { copyLiterals, copyMatch } from "./copy-match.ts";

/** lz4_Frame_format.md, "Legacy frame": this, then blocks with their sizes before them. */
const LEGACY_MAGIC = 0x184c_2102;
const MIN_MATCH = 4;
const LONG = 15;

/**
 * Expands a legacy LZ4 frame, as `lz4 -l` and the kernel's build make it, into `target` and returns the
 * number of bytes it made; `undefined` where it is damaged or would not fit. HOSTILE: whoever made it.
 */
export function expandLz4Legacy(bytes: Uint8Array, target: Uint8Array): number | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.byteLength < 4 || view.getUint32(0, true) !== LEGACY_MAGIC) return undefined;
  let made = 0;
  for (let at = 4; at + 4 <= view.byteLength; ) {
    const length = view.getUint32(at, true);
    at += 4;
    if (length > view.byteLength - at) return undefined;
    const count = expandLz4Block(bytes.subarray(at, at + length), target.subarray(made));
    if (count === undefined) return undefined;
    made += count;
    at += length;
  }
  return made;
}

/** Expands an LZ4 block (lz4_Block_format.md) into `target`; `undefined` where it is damaged or does not fit. */
export function expandLz4Block(block: Uint8Array, target: Uint8Array): number | undefined {
  let at = 0;
  let made = 0;
  while (at < block.length) {
    const token = block[at] ?? 0;
    at += 1;
    let literals = token >>> 4;
    if (literals === LONG) {
      const end = longEnd(block, at);
      literals += lengthBefore(block, at, end);
      at = end;
    }
    if (literals > block.length - at || literals > target.length - made) return undefined;
    copyLiterals(block, at, target, made, literals);
    at += literals;
    made += literals;
    if (at === block.length) return made; // the last sequence has no match
    const distance = (block[at] ?? 0) + (block[at + 1] ?? 0) * 256;
    at += 2;
    let count = (token & LONG) + MIN_MATCH;
    if ((token & LONG) === LONG) {
      const end = longEnd(block, at);
      count += lengthBefore(block, at, end);
      at = end;
    }
    if (at > block.length || distance === 0 || distance > made) return undefined;
    if (count > target.length - made) return undefined;
    copyMatch(target, made, distance, count);
    made += count;
  }
  return undefined;
}

/** After the byte that ends a long length: the first that is not 255. */
function longEnd(block: Uint8Array, at: number): number {
  let end = at;
  while (end < block.length && block[end] === 255) end += 1;
  return end + 1;
}

const lengthBefore = (block: Uint8Array, at: number, end: number): number =>
  (end - 1 - at) * 255 + (block[end - 1] ?? 0);
