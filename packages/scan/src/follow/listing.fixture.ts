import assert from "node:assert/strict";
import { type BlockReader, type FileStat, openFileSystem, readBytes } from "@casemate/formats/disk";
import type { FileEvent } from "./file-event.ts";
import { type ByteRange, RangeSet } from "./range-set.ts";

/** A file of a listing: what its inode says, and what it has. */
export interface ListedFile {
  readonly stat: FileStat;
  readonly contents: Buffer;
}

/** Every file of a file system by its path, `/` too. */
export function listFiles(volume: BlockReader): ReadonlyMap<string, ListedFile> {
  const fs = openFileSystem(volume);
  const listing = new Map<string, ListedFile>([
    ["/", { stat: fs.volume.root.stat, contents: Buffer.alloc(0) }],
  ]);
  for (const { path, node, problem } of fs.walk()) {
    if (problem !== undefined) throw problem;
    const contents =
      node.stat.type === "file"
        ? readBytes(node.contents(), 0, node.stat.size, path)
        : Buffer.from(node.stat.type === "symlink" ? node.target() : "");
    listing.set(path, { stat: node.stat, contents });
  }
  return listing;
}

/** Bytes of a disk that differ, in blocks of `granularity`, as a dirty bitmap tells of those written. */
export function findDifferences(before: Buffer, after: Buffer, granularity: number): RangeSet {
  const ranges: ByteRange[] = [];
  for (let start = 0; start < before.length; start += granularity) {
    const end = Math.min(start + granularity, before.length);
    if (before.compare(after, start, end, start, end) !== 0) ranges.push({ start, end });
  }
  return new RangeSet(ranges);
}

/** Asserts that `events` make the first listing the second, and that they tell of nothing else. */
export function assertExplains(
  events: readonly FileEvent[],
  before: ReadonlyMap<string, ListedFile>,
  after: ReadonlyMap<string, ListedFile>,
): void {
  const made = applyEvents(events, before);
  assert.deepEqual([...made.keys()].toSorted(), [...after.keys()].toSorted());
  for (const [path, { stat, contents }] of after) {
    const applied = made.get(path);
    assert.deepEqual(applied?.stat, stat, path);
    const ranges = applied?.written;
    if (ranges === undefined) continue; // new
    const old = applied?.contents ?? Buffer.alloc(0);
    const size = Math.max(old.length, contents.length);
    for (let at = 0; at < size; at += 1) {
      const differs = old[at] !== contents[at];
      assert.ok(!differs || ranges.touches(at, at + 1), `${path}: byte ${at} was not told of`);
    }
  }
}

interface FieldChange {
  readonly from: unknown;
  readonly to: unknown;
}

interface AppliedFile extends ListedFile {
  /** `undefined` of a file that is new. */
  readonly written: RangeSet | undefined;
}

/** The listing that follows from another by what is told of it. */
function applyEvents(
  events: readonly FileEvent[],
  before: ReadonlyMap<string, ListedFile>,
): ReadonlyMap<string, AppliedFile> {
  const deleted = new Set(events.flatMap((e) => (e.kind === "deleted" ? [e.path] : [])));
  const moved = new Map(
    events.flatMap((e) => (e.kind === "moved" ? [[e.from, e.path] as const] : [])),
  );
  /** Where what was at a path is: moved itself, or by a directory above it. */
  const now = (path: string): string => {
    const own = moved.get(path);
    if (own !== undefined || path === "/" || path === "") return own ?? path;
    const slash = path.lastIndexOf("/");
    return `${now(path.slice(0, slash))}${path.slice(slash)}`;
  };
  const files = new Map<string, AppliedFile>();
  for (const [path, file] of before) {
    if (!deleted.has(path)) files.set(now(path), { ...file, written: new RangeSet([]) });
  }
  for (const event of events) {
    const { path, inode } = event;
    if (event.kind === "created") {
      assert.ok(!files.has(path), `${path} is there already`);
      const known = [...files.values()].find(({ stat }) => stat.inode === inode);
      const written = known?.written;
      const contents = known?.contents ?? Buffer.alloc(0);
      files.set(path, { stat: event.stat, contents, written });
    }
    if (event.kind !== "metadata" && event.kind !== "contents") continue;
    assert.equal(files.get(path)?.stat.inode, inode, path);
    for (const [name, file] of files) {
      if (file.stat.inode !== inode) continue;
      if (event.kind === "contents")
        files.set(name, { ...file, written: new RangeSet(event.ranges) });
      else {
        const fields: readonly (readonly [string, FieldChange])[] = Object.entries(event.changes);
        for (const [field, { from }] of fields) {
          const isNew = events.some((e) => e.kind === "created" && e.path === name);
          if (!isNew) assert.equal(Object(file.stat)[field], from);
        }
        const changes = Object.fromEntries(fields.map(([field, { to }]) => [field, to]));
        files.set(name, { ...file, stat: { ...file.stat, ...changes } });
      }
    }
  }
  return files;
}
