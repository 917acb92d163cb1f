import { CasemateError } from "@casemate/core";
import { type ReadAt, readExactly } from "../read-at.ts";

/** makedumpfile 1.7.2, IMPLEMENTATION, "The flattened format"; its integers are big-endian. */
const SIGNATURE = "makedumpfile\0\0\0\0";
const HEADER_BYTES = 4096;
const DATA_HEADER_BYTES = 16;
const TYPE = 1n;
const VERSION = 1n;
const END = -1n;

/** Writers flush by 4 KiB and more; a file of many smaller pieces would cost more to index than it holds. */
const MEAN_SEGMENT_BYTES = 1024;
const MIN_SEGMENTS = 4096;
/** Headers that makedumpfile writes again when it knows more; nothing else overlaps. */
const MAX_REWRITES = 64;

/** A file as it was before it was flattened. */
export interface FlattenedFile {
  readonly readAt: ReadAt;
  readonly size: number;
}

interface Segment {
  readonly start: number;
  readonly end: number;
  /** Where in the flattened file its bytes are. */
  readonly at: number;
}

/** Whether a file is in makedumpfile's flattened form, as QEMU writes dumps to a pipe or, up to 8, always. */
export const isFlattened = (head: Uint8Array): boolean =>
  Buffer.from(head.subarray(0, SIGNATURE.length)).toString("latin1") === SIGNATURE;

/**
 * Indexes a flattened file by its headers, without reading its data; bytes that nothing was written to
 * read as zeros.
 *
 * Costs 16 bytes of I/O a segment and memory in proportion to the file, at most a tenth of it. HOSTILE:
 * whoever made the file. Throws `dump/truncated`, `dump/unknown-format`, `dump/unreadable`.
 */
export function openFlattenedFile(flat: ReadAt, flatSize: number): FlattenedFile {
  const segments = settle(readSegments(flat, flatSize));
  const size = segments.at(-1)?.end ?? 0;
  return { size, readAt: (offset, length) => read(flat, segments, size, offset, length) };
}

function readSegments(flat: ReadAt, flatSize: number): Segment[] {
  const head = view(flat, 0, 32);
  const type = head.getBigInt64(16);
  const version = head.getBigInt64(24);
  if (type !== TYPE || version !== VERSION) {
    throw new CasemateError(
      "dump/unknown-format",
      `Cannot read a flattened dump: type ${type}, version ${version}, expected ${TYPE} and ${VERSION}.`,
    );
  }
  const most = MIN_SEGMENTS + flatSize / MEAN_SEGMENT_BYTES;
  const segments: Segment[] = [];
  for (let at = HEADER_BYTES; ; ) {
    const header = view(flat, at, DATA_HEADER_BYTES);
    const offset = header.getBigInt64(0);
    const length = header.getBigInt64(8);
    if (offset === END && length === END) return segments;
    at += DATA_HEADER_BYTES;
    const end = offset + length;
    if (offset < 0n || length <= 0n || end > BigInt(Number.MAX_SAFE_INTEGER)) {
      throw damaged(`${length} bytes for byte ${offset}`);
    }
    if (Number(length) > flatSize - at) {
      throw new CasemateError(
        "dump/truncated",
        `Cannot read a flattened dump: it ends at byte ${flatSize}, expected ${length} bytes at byte ${at}.`,
      );
    }
    segments.push({ start: Number(offset), end: Number(end), at });
    if (segments.length > most) throw damaged(`more than ${Math.floor(most)} segments`);
    at += Number(length);
  }
}

/** The segments sorted and disjoint: of bytes written twice, what was written last stays. */
function settle(written: Segment[]): readonly Segment[] {
  const sorted = written.sort((a, b) => a.start - b.start || a.at - b.at);
  const settled: Segment[] = [];
  for (let i = 0; i < sorted.length; ) {
    const group: Segment[] = [];
    let end = Number.POSITIVE_INFINITY;
    for (let next = sorted[i]; next !== undefined && next.start < end; next = sorted[i]) {
      group.push(next);
      end = group.length === 1 ? next.end : Math.max(end, next.end);
      i += 1;
      if (group.length > MAX_REWRITES) throw damaged(`bytes written ${group.length} times`);
    }
    if (group.length === 1) settled.push(...group);
    else settled.push(...lastWritten(group));
  }
  return settled;
}

function lastWritten(group: readonly Segment[]): readonly Segment[] {
  const edges = [...new Set(group.flatMap(({ start, end }) => [start, end]))].sort((a, b) => a - b);
  const newestFirst = [...group].sort((a, b) => b.at - a.at);
  return edges.slice(1).flatMap((end, i) => {
    const start = edges[i] ?? end;
    const last = newestFirst.find((segment) => segment.start <= start && segment.end >= end);
    return last === undefined ? [] : [{ start, end, at: last.at + (start - last.start) }];
  });
}

function read(
  flat: ReadAt,
  segments: readonly Segment[],
  size: number,
  offset: number,
  length: number,
): Uint8Array {
  const end = Math.min(offset + length, size);
  if (end <= offset) return new Uint8Array(0);
  let i = firstEndingAfter(segments, offset);
  const only = segments[i];
  if (only !== undefined && only.start <= offset && only.end >= end) {
    return readExactly(flat, only.at + (offset - only.start), end - offset, "a flattened dump");
  }
  const bytes = new Uint8Array(end - offset);
  for (; ; i += 1) {
    const segment = segments[i];
    if (segment === undefined || segment.start >= end) return bytes;
    const from = Math.max(segment.start, offset);
    const at = segment.at + (from - segment.start);
    const count = Math.min(segment.end, end) - from;
    bytes.set(readExactly(flat, at, count, "a flattened dump"), from - offset);
  }
}

function firstEndingAfter(segments: readonly Segment[], offset: number): number {
  let low = 0;
  let high = segments.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((segments[middle]?.end ?? 0) <= offset) low = middle + 1;
    else high = middle;
  }
  return low;
}

function view(flat: ReadAt, offset: number, length: number): DataView {
  const bytes = readExactly(flat, offset, length, "a header of a flattened dump");
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function damaged(seen: string): CasemateError {
  return new CasemateError(
    "dump/unreadable",
    `Cannot read a flattened dump: it tells of ${seen}, expected each byte once.`,
    { next: "Take the dump again; the file contradicts itself." },
  );
}
