import type { Budget } from "../budget.ts";

/**
 * How an entry of `kallsyms_offsets` becomes an address (kernel/kallsyms.c, `kallsyms_sym_address`):
 *
 * - `base`: `relative_base + (u32) offset`;
 * - `absolute-percpu`: `offset` itself where it is not negative (a per-CPU symbol, counted from 0), else
 *   `relative_base - 1 - offset`;
 * - `place`: the address of the entry plus `offset`.
 */
export type KallsymsAddressing = "base" | "absolute-percpu" | "place";

/** The kallsyms tables of one kernel, copied out of its memory. */
export interface KallsymsBlob {
  readonly count: number;
  /** Compressed names: a length (one byte, or two with the high bit set) and that many token numbers. */
  readonly names: Uint8Array;
  readonly tokenTable: Uint8Array;
  /** Where each of the 256 tokens begins in `tokenTable`. */
  readonly tokenIndex: Uint16Array;
  /** Where every 256th name begins. */
  readonly markers: Uint32Array;
  readonly offsets: Int32Array;
  /** Numbers of symbols in the order of their names, 3 bytes each, highest first; since 6.2. */
  readonly sequence: Uint8Array | undefined;
  readonly addressing: KallsymsAddressing;
  /** The runtime value of `kallsyms_relative_base`; 0n where addressing is by place. */
  readonly relativeBase: bigint;
  /** Guest-physical addresses of the names, the token table and the offsets. */
  readonly namesAt: number;
  readonly tokenTableAt: number;
  readonly offsetsAt: number;
}

const TOKENS = 256;
const ZERO_TOKEN = 0x30;
/** One marker for this many symbols. */
export const MARKER_SPACING = 256;
const MIN_SYMBOLS = 4 * MARKER_SPACING;
const MAX_SYMBOLS = 2_000_000;
/** Bytes that 256 compressed names can take. */
const MIN_MARKER_STEP = MARKER_SPACING * 2;
const MAX_MARKER_STEP = MARKER_SPACING * 256;
const SEQUENCE_SAMPLES = 64;
/** Bytes that are looked at for as much as one step of a walk. */
const BYTES_PER_STEP = 4096;
const KERNEL_IMAGE_BASE = 0xffff_ffff_8000_0000n;
const KERNEL_IMAGE_SIZE = 0x8000_0000n;

/** Whether the digit 0 at `zero` is a token of a token table: cheap to ask, and true of few places. */
export function isTokenTable(bytes: Uint8Array, zero: number): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return findTokens(bytes, view, zero) !== undefined;
}

/**
 * Parses the kallsyms tables around the token of the digit 0 at `zero`, in any of the layouts that
 * kernels have had since 5.10; `undefined` where the bytes do not fit together.
 *
 * The layouts, each table on a boundary of 8 (of 4 since 7.x):
 *
 *     5.10   offsets relative_base num_syms names markers               token_table token_index
 *     6.2    offsets relative_base num_syms names markers seqs_of_names token_table token_index
 *     6.4    num_syms names markers token_table token_index offsets relative_base seqs_of_names
 *     7.x    num_syms names markers token_table token_index offsets seqs_of_names
 *
 * @param bytes guest memory; what is returned is copied from it; @param base its guest-physical address, on a page.
 *
 * HOSTILE: nothing is believed that another table does not confirm, and what is tried is paid for. Throws
 * `inspect/budget`.
 */
export function parseKallsyms(
  bytes: Uint8Array,
  zero: number,
  base: number,
  budget: Budget,
): KallsymsBlob | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const tokens = findTokens(bytes, view, zero);
  if (tokens === undefined) return undefined;
  const names = findNames(bytes, view, tokens.start, budget);
  if (names === undefined) return undefined;
  const offsets = findOffsets(view, names, tokens.end);
  if (offsets === undefined) return undefined;
  return {
    count: names.count,
    names: bytes.slice(names.start, names.end),
    tokenTable: bytes.slice(tokens.start, tokens.indexStart),
    tokenIndex: tokens.index,
    markers: names.markers,
    offsets: offsets.values,
    sequence:
      offsets.sequenceAt === undefined
        ? undefined
        : bytes.slice(offsets.sequenceAt, offsets.sequenceAt + names.count * 3),
    addressing: offsets.addressing,
    relativeBase: offsets.relativeBase,
    namesAt: base + names.start,
    tokenTableAt: base + tokens.start,
    offsetsAt: base + offsets.start,
  };
}

interface Tokens {
  readonly start: number;
  readonly indexStart: number;
  readonly index: Uint16Array;
  readonly end: number;
}

/** The token table, walked back from its token 0x30, and the index after it that must agree. */
function findTokens(bytes: Uint8Array, view: DataView, zero: number): Tokens | undefined {
  let start = zero;
  // The NUL before `zero` ends token 0x2f; the 49th one back is not the table's any more.
  for (let nuls = 0; start > 0; start -= 1) {
    if (bytes[start - 1] !== 0) continue;
    nuls += 1;
    if (nuls > ZERO_TOKEN) break;
  }
  const index = new Uint16Array(TOKENS);
  let at = start;
  for (let token = 0; token < TOKENS; token += 1) {
    index[token] = at - start;
    const nul = bytes.indexOf(0, at);
    if (nul < 0 || nul - start > 0xffff) return undefined;
    at = nul + 1;
  }
  for (let indexStart = at; indexStart < at + 8; indexStart += 1) {
    const end = indexStart + TOKENS * 2;
    if (indexStart % 2 !== 0 || end > view.byteLength) continue;
    let agrees = true;
    for (let token = 0; agrees && token < TOKENS; token += 1) {
      agrees = view.getUint16(indexStart + token * 2, true) === index[token];
    }
    if (agrees) return { start, indexStart, index, end };
  }
  return undefined;
}

interface Markers {
  readonly start: number;
  readonly values: Uint32Array;
}

/** Arrays before `end` that start with 0 and grow as positions of every 256th name do, nearest first. */
function* walkMarkers(view: DataView, end: number, budget: Budget): Generator<Markers> {
  const plausible = (at: number) => {
    const step = view.getUint32(at, true) - view.getUint32(at - 4, true);
    return step >= MIN_MARKER_STEP && step <= MAX_MARKER_STEP;
  };
  for (let start = (end - 8) & ~3; start >= 0; start -= 4) {
    if (start % BYTES_PER_STEP === 0) budget.step();
    if (view.getUint32(start, true) !== 0 || !plausible(start + 4)) continue;
    let after = start + 4;
    while (after + 4 <= end && plausible(after)) after += 4;
    budget.step(Math.ceil((after - start) / BYTES_PER_STEP));
    const count = (after - start) / 4;
    if (count * MARKER_SPACING < MIN_SYMBOLS) continue;
    yield {
      start,
      values: Uint32Array.from({ length: count }, (_, i) => view.getUint32(start + i * 4, true)),
    };
  }
}

interface Names {
  readonly count: number;
  readonly markers: Uint32Array;
  /** Where `kallsyms_num_syms` is. */
  readonly countAt: number;
  readonly start: number;
  readonly end: number;
}

/** The names that end where markers start which agree with them; their count is before them. */
function findNames(
  bytes: Uint8Array,
  view: DataView,
  tokens: number,
  budget: Budget,
): Names | undefined {
  for (const markers of walkMarkers(view, tokens, budget)) {
    const blocks = markers.values.length;
    const highest = markers.start - (markers.values[blocks - 1] ?? 0);
    const lowest = Math.max(4, highest - MAX_MARKER_STEP);
    for (let start = highest & ~3; start >= lowest; start -= 4) {
      if (start % BYTES_PER_STEP === 0) budget.step();
      for (const countAt of [start - 4, start - 8]) {
        const count = countAt < 0 ? 0 : view.getUint32(countAt, true);
        if (count <= (blocks - 1) * MARKER_SPACING || count > blocks * MARKER_SPACING) continue;
        if (count > MAX_SYMBOLS) continue;
        const end = walkNames(bytes, start, count, markers, budget);
        if (end !== undefined) return { count, markers: markers.values, countAt, start, end };
      }
    }
  }
  return undefined;
}

function walkNames(
  bytes: Uint8Array,
  start: number,
  count: number,
  markers: Markers,
  budget: Budget,
): number | undefined {
  let at = start;
  for (let i = 0; i < count; i += 1) {
    if (i % MARKER_SPACING === 0) {
      budget.step();
      if (at - start !== markers.values[i / MARKER_SPACING]) return undefined;
    }
    const length = bytes[at] ?? 0;
    at += length < 0x80 ? 1 + length : 2 + ((length & 0x7f) | ((bytes[at + 1] ?? 0) << 7));
    if (at > markers.start) return undefined;
  }
  return markers.start - at < 8 ? at : undefined;
}

interface Offsets {
  readonly start: number;
  readonly sequenceAt?: number;
  readonly values: Int32Array;
  readonly addressing: KallsymsAddressing;
  readonly relativeBase: bigint;
}

/** The offsets: after the tokens and before the base (if any) and the sequence, or before the count and the base. */
function findOffsets(view: DataView, names: Names, afterTokens: number): Offsets | undefined {
  const { count, countAt } = names;
  const size = count * 4;
  for (const start of new Set([align(afterTokens, 4), align(afterTokens, 8)])) {
    const end = start + size;
    for (const baseAt of new Set([align(end, 8), align(end, 4)])) {
      const sequenceAt = baseAt + 8;
      if (!isSequence(view, sequenceAt, count)) continue;
      const found = readOffsets(view, start, count, baseAt);
      if (found !== undefined) return { ...found, sequenceAt };
    }
    if (isSequence(view, end, count)) {
      const found = readOffsets(view, start, count, undefined);
      if (found !== undefined) return { ...found, sequenceAt: end };
    }
  }
  const baseAt = (countAt & ~7) - 8;
  return readOffsets(view, baseAt - align(size, 8), count, baseAt);
}

/**
 * Whether `kallsyms_seqs_of_names` may start at `at`: different numbers of symbols, 3 bytes each, highest
 * first. Offsets read one entry too early or too late are sorted too; this tells where they end.
 */
function isSequence(view: DataView, at: number, count: number): boolean {
  const samples = Math.min(SEQUENCE_SAMPLES, count);
  if (at + count * 3 > view.byteLength) return false;
  const seen = new Set<number>();
  for (let i = 0; i < samples; i += 1) {
    const entry = at + i * 3;
    const number = (view.getUint16(entry) << 8) | view.getUint8(entry + 2);
    if (number >= count) return false;
    seen.add(number);
  }
  return seen.size === samples;
}

function readOffsets(
  view: DataView,
  start: number,
  count: number,
  baseAt: number | undefined,
): Offsets | undefined {
  if (start < 0 || start + count * 4 > view.byteLength) return undefined;
  let relativeBase = 0n;
  if (baseAt !== undefined) {
    if (baseAt < 0 || baseAt + 8 > view.byteLength) return undefined;
    relativeBase = view.getBigUint64(baseAt, true);
    if (BigInt.asUintN(64, relativeBase - KERNEL_IMAGE_BASE) >= KERNEL_IMAGE_SIZE) return undefined;
  }
  // A copy, which starts where Int32Array wants it to.
  const bytes = new Uint8Array(view.buffer, view.byteOffset + start, count * 4).slice();
  const values = new Int32Array(bytes.buffer);
  if (baseAt === undefined) {
    return isSorted(values, 4, false)
      ? { start, values, addressing: "place", relativeBase }
      : undefined;
  }
  // Only with absolute per-CPU symbols are there offsets below zero.
  if (isSorted(values, 0, false)) return { start, values, addressing: "base", relativeBase };
  return isSorted(values, 0, true)
    ? { start, values, addressing: "absolute-percpu", relativeBase }
    : undefined;
}

/**
 * Whether addresses grow from symbol to symbol: any other reading of the offsets is wrong.
 *
 * @param stride how much each entry's own place adds; @param mirrored whether offsets below zero count down.
 */
function isSorted(values: Int32Array, stride: number, mirrored: boolean): boolean {
  let previous = Number.NEGATIVE_INFINITY;
  let place = 0;
  for (let i = 0; i < values.length; i += 1) {
    const value = values[i] ?? 0;
    if (value < 0 && stride === 0 && !mirrored) return false;
    const address = mirrored && value < 0 ? 2 ** 32 - 1 - value : value + place;
    if (address < previous) return false;
    previous = address;
    place += stride;
  }
  return true;
}

function align(value: number, to: number): number {
  return Math.ceil(value / to) * to;
}
