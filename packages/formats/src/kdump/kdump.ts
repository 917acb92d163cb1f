import { BinaryReader, CasemateError } from "@casemate/core";
import { type ReadAt, readExactly } from "../read-at.ts";
import { expandPage } from "./expand-page.ts";
import { isFlattened, openFlattenedFile } from "./flattened-file.ts";
import { isKdump, KDUMP_HEAD_BYTES, parseKdumpHeader } from "./kdump-header.ts";
import { readPageRuns } from "./page-runs.ts";

const PAGE = 4096;
/** `struct page_desc`: u64 offset, u32 size, u32 flags, u64 page_flags. */
const DESCRIPTOR_BYTES = 24;
/** Pages whose data are read in one go at most. */
const MAX_BATCH_BYTES = 16 * PAGE;

/** Guest-physical `[start, end)`, whole pages, all in the dump. */
export interface KdumpPiece {
  readonly start: number;
  readonly end: number;
  /** Byte of the dump at which the descriptor of the first page stands. */
  readonly descriptors: number;
}

/** A kdump-compressed dump, ready to be read. */
export interface Kdump {
  /** The RAM that the dump holds, sorted and disjoint; pages that were left out are in no piece. */
  readonly pieces: readonly KdumpPiece[];
  readonly readAt: ReadAt;
  /** Bytes of the dump in its ordinary form. */
  readonly size: number;
}

interface PageDescriptor {
  readonly offset: number;
  readonly size: number;
  readonly flags: number;
}

/** Whether a file starts as a kdump-compressed dump does, in its ordinary or its flattened form. */
export const looksLikeKdump = (head: Uint8Array): boolean => isKdump(head) || isFlattened(head);

/**
 * Opens a kdump-compressed dump of an x86-64 guest, as makedumpfile, `virsh dump --memory-only
 * --format kdump-…` and QEMU's `dump-guest-memory` write it, flattened or not.
 *
 * Reads headers and bitmap, no pages. HOSTILE: whoever made the file. Throws `dump/truncated`,
 * `dump/unknown-format`, `dump/unreadable`.
 */
export function openKdumpFile(file: ReadAt, fileSize: number): Kdump {
  const flattened = isFlattened(file(0, PAGE));
  const { readAt, size } = flattened
    ? openFlattenedFile(file, fileSize)
    : { readAt: file, size: fileSize };
  const head = readExactly(readAt, 0, KDUMP_HEAD_BYTES, "the headers of a kdump dump");
  const { bitmapOffset, pageCount, descriptorsOffset } = parseKdumpHeader(head);
  const runs = readPageRuns(readAt, bitmapOffset, pageCount);
  const pieces = runs.map(({ start, end, firstDescriptor }) => ({
    start: start * PAGE,
    end: end * PAGE,
    descriptors: descriptorsOffset + firstDescriptor * DESCRIPTOR_BYTES,
  }));
  const dump = { pieces, readAt, size };
  const last = pieces.at(-1);
  if (last === undefined) {
    throw new CasemateError(
      "dump/unreadable",
      "Cannot read a kdump-compressed dump: it holds no pages, expected some.",
    );
  }
  // The last page's data come last in what all writers make: a dump that was cut off is found out now.
  readDescriptors(dump, last, last.end - PAGE, 1);
  return dump;
}

/**
 * Fills `target`, whole pages, with the guest's bytes from guest-physical `address` on, all of them in
 * `piece`.
 *
 * Throws `dump/truncated`, and `dump/unreadable` where a page's data are damaged.
 */
export function readKdumpPages(
  dump: Kdump,
  piece: KdumpPiece,
  address: number,
  target: Uint8Array,
): void {
  const pages = readDescriptors(dump, piece, address, target.length / PAGE);
  for (let i = 0; i < pages.length; ) {
    const batch = batchFrom(pages, i);
    const start = batch[0]?.offset ?? 0;
    const length = batch.reduce((sum, page) => sum + page.size, 0);
    const data = readExactly(dump.readAt, start, length, "a page of a kdump dump");
    for (const { offset, size, flags } of batch) {
      const bytes = data.subarray(offset - start, offset - start + size);
      const seen = expandPage(flags, bytes, target.subarray(i * PAGE, (i + 1) * PAGE));
      if (seen !== undefined) throw damaged(address + i * PAGE, seen);
      i += 1;
    }
  }
}

/** The pages from number `first` on whose data follow each other in the dump. */
function batchFrom(pages: readonly PageDescriptor[], first: number): readonly PageDescriptor[] {
  const batch: PageDescriptor[] = [];
  let length = 0;
  for (let i = first; ; i += 1) {
    const page = pages[i];
    const start = batch[0]?.offset ?? page?.offset ?? 0;
    if (page === undefined || page.offset !== start + length) return batch;
    if (length + page.size > MAX_BATCH_BYTES) return batch;
    batch.push(page);
    length += page.size;
  }
}

function readDescriptors(
  dump: Kdump,
  piece: KdumpPiece,
  address: number,
  count: number,
): readonly PageDescriptor[] {
  const at = piece.descriptors + ((address - piece.start) / PAGE) * DESCRIPTOR_BYTES;
  const what = "page descriptors of a kdump dump";
  const bytes = readExactly(dump.readAt, at, count * DESCRIPTOR_BYTES, what);
  const reader = new BinaryReader(bytes, what, "dump/truncated");
  const pages: PageDescriptor[] = [];
  for (let i = 0; i < count; i += 1) {
    const offset = reader.u64("offset");
    const size = reader.u32("size");
    const flags = reader.u32("flags");
    reader.skip(8); // page_flags: what the page was to the guest's kernel; unused by all writers
    if (size === 0 || size > PAGE) throw damaged(address + i * PAGE, `a size of ${size} bytes`);
    if (offset + BigInt(size) > BigInt(dump.size)) {
      throw new CasemateError(
        "dump/truncated",
        `Cannot read page 0x${(address + i * PAGE).toString(16)} of a kdump dump: its bytes are at ${offset}, expected them within the dump's ${dump.size}.`,
      );
    }
    pages.push({ offset: Number(offset), size, flags });
  }
  return pages;
}

function damaged(address: number, seen: string): CasemateError {
  return new CasemateError(
    "dump/unreadable",
    `Cannot read page 0x${address.toString(16)} of a kdump dump: ${seen}, expected one page.`,
    { next: "Take the dump again; what is left of this one reads as far as it goes." },
  );
}
