import type { CodeAddress } from "./code-address.ts";
import { unreadable } from "./kernel-image-error.ts";

/** Where a kernel holds its own addresses, by the addresses that it is linked at. */
export interface KaslrRelocations {
  /** 32-bit words to which the distance is added. */
  readonly words: Int32Array;
  /** 64-bit words to which it is added. */
  readonly quads: Int32Array;
  /** 32-bit words that it is taken from: places of per-CPU variables counted from the instruction. */
  readonly inverse: Int32Array;
}

/** Debian's largest kernels have 600,000. */
const MAX_RELOCATIONS = 8_000_000;

/**
 * The table that `CONFIG_RANDOMIZE_BASE` appends to a kernel: three lists of 32-bit words, each after a
 * zero, read from the end (arch/x86/tools/relocs.c, `handle_relocations`). Kernels whose per-CPU variables
 * are linked like others have two lists.
 *
 * Which list is which is told by their number. Throws `disk/unsupported`.
 *
 * @param end where the ELF file ends and the table begins, in bytes
 */
export function parseKaslrRelocations(file: Buffer, end: number): KaslrRelocations {
  const lists: Int32Array[] = [];
  for (let last = file.length; lists.length < 3 && last > end; ) {
    let first = last - 4;
    while (first >= end && file.readInt32LE(first) !== 0) first -= 4;
    if (first < end) break;
    lists.push(parseList(file.subarray(first + 4, last)));
    last = first;
  }
  const none = new Int32Array();
  if (lists.length === 2) {
    const [words = none, quads = none] = lists;
    return { words, quads, inverse: none };
  }
  const [words = none, inverse = none, quads = none] = lists;
  return { words, inverse, quads };
}

/** Addresses of a kernel, in order. */
function parseList(bytes: Buffer): Int32Array {
  const places = new Int32Array(bytes.length / 4);
  if (places.length > MAX_RELOCATIONS) {
    throw unreadable(`${places.length} relocations`, `${MAX_RELOCATIONS} at most`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let isSorted = true;
  for (let i = 0; i < places.length; i += 1) {
    const place: CodeAddress = view.getInt32(i * 4, true);
    if (place > 0) throw unreadable(`a relocation at ${place}`, "addresses of a kernel");
    if (i > 0 && place < (places[i - 1] ?? 0)) isSorted = false;
    places[i] = place;
  }
  // Kernels are built with sorted ones; to sort them again would take as long as all else.
  return isSorted ? places : places.sort();
}
