import { type Bytes, bytes } from "@casemate/core";
import type { OnProgress } from "./progress.ts";

/** Tells how far one part of a job of `total` bytes is, given fractions, 0 to 1; the part is from `from` to `to`. */
export function partProgress(
  onProgress: OnProgress | undefined,
  total: Bytes,
  from: number,
  to: number,
): (fraction: number) => void {
  return (fraction) =>
    onProgress?.({ done: bytes(Math.round(total * (from + (to - from) * fraction))), total });
}
