import { CasemateError } from "@casemate/core";
import { type ReadAt, readExactly } from "../read-at.ts";

/** Page frames `[start, end)`, all in the dump, described from descriptor number `firstDescriptor` on. */
export interface PageRun {
  readonly start: number;
  readonly end: number;
  readonly firstDescriptor: number;
}

/** Bytes of bitmap looked at at a time. */
const CHUNK_BYTES = 64 * 1024;
/** Runs kept at most, some 100 MB of them; a busy 64 GiB guest filtered to its kernel has under 200,000. */
const MAX_RUNS = 512 * 1024;

/**
 * The pages a kdump-compressed dump holds, out of its second bitmap: page descriptors stand in the
 * order of its set bits, so that a run of pages and the number of its first descriptor tell them all.
 *
 * HOSTILE: whoever made the file. Throws `dump/truncated`, and `dump/unreadable` beyond `MAX_RUNS`.
 */
export function readPageRuns(
  readAt: ReadAt,
  bitmapOffset: number,
  pageCount: number,
): readonly PageRun[] {
  const runs: PageRun[] = [];
  let descriptors = 0;
  let start = -1;
  const endRun = (end: number): void => {
    if (start < 0) return;
    runs.push({ start, end, firstDescriptor: descriptors });
    descriptors += end - start;
    start = -1;
    if (runs.length > MAX_RUNS) {
      throw new CasemateError(
        "dump/unreadable",
        `Cannot read a kdump-compressed dump: its pages lie in more than ${MAX_RUNS} runs, expected fewer.`,
        { next: "Take the dump again with fewer kinds of pages left out." },
      );
    }
  };
  const length = Math.ceil(pageCount / 8);
  for (let at = 0; at < length; at += CHUNK_BYTES) {
    const wanted = Math.min(CHUNK_BYTES, length - at);
    const chunk = readExactly(readAt, bitmapOffset + at, wanted, "the bitmap of a kdump dump");
    for (let i = 0; i < chunk.length; i += 1) {
      const byte = chunk[i] ?? 0;
      // Most bytes go on with what the byte before them was.
      if (byte === 0 ? start < 0 : byte === 0xff && start >= 0) continue;
      const page = (at + i) * 8;
      for (let bit = 0; bit < 8; bit += 1) {
        if (((byte >>> bit) & 1) === 0 || page + bit >= pageCount) endRun(page + bit);
        else if (start < 0) start = page + bit;
      }
    }
  }
  endRun(pageCount);
  return runs;
}
