import { type Gva, gva } from "@casemate/core";
import type { KernelReader } from "../kernel/kernel-reader.ts";

/** How many bytes there are from the symbol at `at` to the next one, at most `most` (in bytes). */
export function symbolExtent(kernel: KernelReader, at: Gva, most: number): number {
  const isInside = (distance: number) =>
    kernel.symbolAt(gva(at + BigInt(distance)))?.offset === distance;
  let low = 0;
  let high = most;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (isInside(middle)) low = middle + 1;
    else high = middle;
  }
  return low;
}
