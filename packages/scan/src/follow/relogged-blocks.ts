import type { Ext4Layout } from "@casemate/formats/disk";
import type { ByteRange } from "./range-set.ts";

/**
 * The blocks of a volume, in bytes, that the journal has anew since `before`, and those that it has no more:
 * they were written to their places, or are void.
 */
export function* walkRelogged(
  before: Ext4Layout["logged"],
  { logged, blockSize }: Pick<Ext4Layout, "logged" | "blockSize">,
): Generator<ByteRange> {
  for (const [block, { at, sequence }] of logged) {
    const last = before.get(block);
    if (last?.at !== at || last.sequence !== sequence) yield rangeOf(block, blockSize);
  }
  for (const block of before.keys()) if (!logged.has(block)) yield rangeOf(block, blockSize);
}

const rangeOf = (block: number, blockSize: number): ByteRange => ({
  start: block * blockSize,
  end: (block + 1) * blockSize,
});
