import type { FindRun } from "../../block-run.ts";
import type { RawEntry } from "../directory-block.ts";
import type { FastChange } from "./read-fast-commits.ts";

/** Linux 6.12, fs/ext4/ext4.h, `struct ext4_inode`: what a fast commit leaves as it is, and flags. */
const BLOCK_AT = 0x28;
const BLOCK_END = 0x64;
const GENERATION_AT = 0x64;
const FLAGS_AT = 0x20;
const EXTENTS_FLAG = 0x8_0000;
/** The root of a tree of extents that has none: magic number, entries, room for four, depth. */
const NO_EXTENTS = Buffer.from("0af3000004000000", "hex");

interface Range {
  readonly first: number;
  readonly end: number;
  readonly physical: number | undefined;
}

/** A name's new inode, or the one that it no longer has. */
type NameChange = { readonly linked: number } | { readonly removed: number };

/** What fast commits changed of a file system, laid over what is read of it (`ext4_fc_replay`). */
export class FastChanges {
  readonly #inodes = new Map<number, Buffer>();
  readonly #ranges = new Map<number, Range[]>();
  readonly #names = new Map<number, Map<string, NameChange>>();
  readonly #created = new Set<number>();

  constructor(changes: readonly FastChange[]) {
    for (const change of changes) this.#apply(change);
  }

  /** The bytes of an inode as they are now; `undefined` where they are as they were. */
  inode(number: number, before: Buffer): Buffer | undefined {
    const raw = this.#inodes.get(number);
    if (raw === undefined) return undefined;
    const bytes = Buffer.from(before);
    raw.copy(bytes, 0, 0, BLOCK_AT);
    raw.copy(bytes, BLOCK_END, BLOCK_END);
    if ((raw.readUInt32LE(FLAGS_AT) & EXTENTS_FLAG) === 0) {
      raw.copy(bytes, BLOCK_AT, BLOCK_AT, BLOCK_END);
      return bytes;
    }
    // The blocks of a file that had the number before are not this one's.
    const isSame = raw.readUInt32LE(GENERATION_AT) === before.readUInt32LE(GENERATION_AT);
    const hasExtents = bytes.readUInt16LE(BLOCK_AT) === NO_EXTENTS.readUInt16LE(0);
    if (!isSame || !hasExtents) {
      bytes.fill(0, BLOCK_AT, BLOCK_END);
      NO_EXTENTS.copy(bytes, BLOCK_AT);
    }
    return bytes;
  }

  /** The blocks of a file as they are now. */
  runs(inode: number, before: FindRun): FindRun {
    const ranges = this.#ranges.get(inode);
    if (ranges === undefined) return before;
    return (logical) => {
      const range = ranges[indexAfter(ranges, logical)];
      if (range === undefined) return before(logical);
      const { first, end, physical } = range;
      if (first <= logical) {
        const start = physical === undefined ? undefined : physical + logical - first;
        return { physical: start, count: end - logical };
      }
      const run = before(logical);
      return { ...run, count: Math.min(run.count, first - logical) };
    };
  }

  /** The names in a directory as they are now. */
  *entries(directory: number, before: Iterable<RawEntry>): Generator<RawEntry> {
    const names = this.#names.get(directory);
    // What a new directory's block holds was never written by itself.
    if (!this.#created.has(directory)) {
      for (const entry of before) {
        const change = names?.get(entry.name);
        const isGone =
          change !== undefined && ("linked" in change || change.removed === entry.inode);
        if (!isGone) yield entry;
      }
    }
    for (const [name, change] of names ?? []) {
      if ("linked" in change) yield { name, inode: change.linked };
    }
  }

  #apply(change: FastChange): void {
    switch (change.kind) {
      case "inode": {
        const before = this.#inodes.get(change.inode);
        const generation = change.raw.readUInt32LE(GENERATION_AT);
        const isOther = before !== undefined && before.readUInt32LE(GENERATION_AT) !== generation;
        if (isOther) this.#ranges.delete(change.inode);
        this.#inodes.set(change.inode, change.raw);
        return;
      }
      case "range": {
        const { inode, first, count, physical } = change;
        const ranges = this.#ranges.get(inode) ?? [];
        if (count > 0) lay(ranges, { first, end: first + count, physical });
        this.#ranges.set(inode, ranges);
        return;
      }
      case "create":
        this.#created.add(change.inode);
        this.#namesOf(change.parent).set(change.name, { linked: change.inode });
        return;
      case "link":
        this.#namesOf(change.parent).set(change.name, { linked: change.inode });
        return;
      case "unlink": {
        const names = this.#namesOf(change.parent);
        const known = names.get(change.name);
        // A name that leads elsewhere by now is another file's.
        const isOther = known !== undefined && "linked" in known && known.linked !== change.inode;
        if (!isOther) names.set(change.name, { removed: change.inode });
        return;
      }
    }
  }

  #namesOf(directory: number): Map<string, NameChange> {
    const names = this.#names.get(directory) ?? new Map<string, NameChange>();
    this.#names.set(directory, names);
    return names;
  }
}

/** Puts `range` over all that are there; they stay in their order, none over another. */
function lay(ranges: Range[], range: Range): void {
  const from = indexAfter(ranges, range.first);
  let to = from;
  const pieces: Range[] = [];
  for (let each = ranges[to]; each !== undefined && each.first < range.end; each = ranges[to]) {
    if (each.first < range.first) pieces.push({ ...each, end: range.first });
    if (each.end > range.end) {
      const skipped = range.end - each.first;
      const physical = each.physical === undefined ? undefined : each.physical + skipped;
      pieces.push({ first: range.end, end: each.end, physical });
    }
    to += 1;
  }
  const at = pieces.findIndex(({ first }) => first >= range.end);
  pieces.splice(at < 0 ? pieces.length : at, 0, range);
  ranges.splice(from, to - from, ...pieces);
}

/** Which is the first that ends after block `logical`. */
function indexAfter(ranges: readonly Range[], logical: number): number {
  let low = 0;
  let high = ranges.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((ranges[middle]?.end ?? 0) > logical) high = middle;
    else low = middle + 1;
  }
  return low;
}
