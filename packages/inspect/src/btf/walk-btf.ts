import type { MemoryRange } from "@casemate/core";
import type { Budget } from "../budget.ts";
import type { PhysicalReader } from "../memory/physical-reader.ts";
import { BTF_HEADER_LENGTH } from "./btf.ts";

/** Where BTF lies in guest-physical memory, in bytes. */
export interface BtfLocation {
  readonly start: number;
  readonly length: number;
}

/** magic, version 1, no flags, hdr_len 24. */
const HEADER = Buffer.from([0x9f, 0xeb, 1, 0, 24, 0, 0, 0]);
const PAGE = 4096;
/** A kernel's BTF has more than 1.4 MB of names since 5.10: samples this far apart cannot miss them. */
const STRIDE = 512 * 1024;
const RUN_STRIDE = 64 * 1024;
const MIN_RUN = 768 * 1024;
/** How far before its names a BTF may begin. */
const REACH = 32 * 1024 * 1024;
const CHUNK = 1024 * 1024;
const MIN_LENGTH = 1024 * 1024;
const MAX_LENGTH = 32 * 1024 * 1024;
/** Headers that are remembered: RAM full of them must not fill ours. */
const MAX_HEADERS = 4096;

/** Bytes of C identifiers and the NULs between them. */
const NAME_BYTES = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte === 0 || byte === 0x5f || /[0-9A-Za-z]/.test(String.fromCharCode(byte)) ? 1 : 0,
);
/** "unsigned int" and its like, and dots in names of sections. */
const ODD_BYTES = 32;

/**
 * Every place in `ranges` (all RAM that was ever written to unless told otherwise) that may be a kernel's BTF, lowest first.
 *
 * A kernel image lies in one run of physical memory and its BTF with it, so one page in 512 KiB tells:
 * the names of a BTF are nothing but identifiers. This reads 8 MiB of each GiB.
 *
 * HOSTILE: anything may look like BTF; what is yielded has a sane header and nothing more.
 */
export function* walkBtf(
  physical: PhysicalReader,
  budget: Budget,
  ranges: Iterable<MemoryRange> = physical.memory.populated(),
): Generator<BtfLocation> {
  const seen = new Set<number>();
  for (const range of ranges) {
    budget.step();
    const first = Math.ceil(range.start / STRIDE) * STRIDE;
    const findHeader = headerFinder(physical, range.start, budget);
    for (let at = first; at + PAGE <= range.end; at += STRIDE) {
      budget.step();
      if (!isNames(physical.peek(at, PAGE))) continue;
      if (!isLongRun(physical, range, at)) continue;
      const found = findHeader(at);
      // A header may lie about what it covers: that must not hide what comes after it.
      if (found === undefined || seen.has(found.start)) continue;
      seen.add(found.start);
      yield found;
    }
  }
}

/** Whether the names at `at` go on for as long as a kernel's do: others' string tables are shorter. */
function isLongRun(physical: PhysicalReader, range: MemoryRange, at: number): boolean {
  let first = at;
  let last = at;
  const named = (page: number) =>
    page >= range.start && page + PAGE <= range.end && isNames(physical.peek(page, PAGE));
  while (at - first < MIN_RUN && named(first - RUN_STRIDE)) first -= RUN_STRIDE;
  while (last - first < MIN_RUN && named(last + RUN_STRIDE)) last += RUN_STRIDE;
  return last - first >= MIN_RUN;
}

function isNames(page: Uint8Array): boolean {
  let odd = 0;
  let letters = 0;
  for (let i = 0; i < page.length; i += 1) {
    const byte = page[i] ?? 0;
    if (NAME_BYTES[byte] === 0) {
      odd += 1;
      if (odd > ODD_BYTES) return false;
    } else if (byte !== 0) letters += 1;
    // Zeroed and nearly empty pages are many: leave them early.
    if (i === 31 && letters < 16) return false;
  }
  return letters > page.length / 2;
}

/** A header that is sane. */
interface Header extends BtfLocation {
  /** Where its names begin. */
  readonly names: number;
}

/**
 * Finds the header, before a place in its names, of the BTF that this place is in; to be asked of higher and
 * higher places. Nothing is searched twice, for RAM may be full of names without a header.
 */
function headerFinder(
  physical: PhysicalReader,
  lowest: number,
  budget: Budget,
): (inNames: number) => BtfLocation | undefined {
  let searchedTo = lowest;
  let headers: readonly Header[] = [];
  return (inNames) => {
    const holds = ({ start, length, names }: Header) => {
      return inNames >= names && inNames < start + length;
    };
    const fresh: Header[] = [];
    const first = Math.max(searchedTo, inNames - REACH);
    for (let end = inNames; end > first; end -= CHUNK) {
      budget.step();
      const start = Math.max(first, end - CHUNK);
      // A few bytes more, for a header across the seam.
      const piece = physical.piece(start, end - start + HEADER.length);
      const chunk = Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength);
      for (let at = chunk.lastIndexOf(HEADER); at >= 0; at = chunk.lastIndexOf(HEADER, at - 1)) {
        budget.step();
        const header = parseHeader(physical, start + at);
        if (header !== undefined && holds(header)) return header;
        if (header !== undefined && fresh.length < MAX_HEADERS) fresh.push(header);
        if (at === 0) break;
      }
    }
    searchedTo = inNames;
    const ahead = headers.filter(({ start, length }) => start + length > inNames);
    headers = [...fresh, ...ahead].slice(0, MAX_HEADERS);
    return headers.find(holds);
  };
}

function parseHeader(physical: PhysicalReader, start: number): Header | undefined {
  if (!physical.has(start, BTF_HEADER_LENGTH)) return undefined;
  const typeOffset = physical.u32(start + 8);
  const typeLength = physical.u32(start + 12);
  const stringOffset = physical.u32(start + 16);
  const stringLength = physical.u32(start + 20);
  const length = BTF_HEADER_LENGTH + stringOffset + stringLength;
  const isSane =
    typeOffset % 4 === 0 &&
    typeLength % 4 === 0 &&
    typeOffset + typeLength <= stringOffset &&
    length >= MIN_LENGTH &&
    length <= MAX_LENGTH &&
    physical.has(start, length);
  return isSane ? { start, length, names: start + BTF_HEADER_LENGTH + stringOffset } : undefined;
}
