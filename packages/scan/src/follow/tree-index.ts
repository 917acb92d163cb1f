import { type BlockReader, Ext4Layout } from "@casemate/formats/disk";
import type { Missed } from "../missed.ts";
import { compareTrees } from "./compare-trees.ts";
import type { FileEvent } from "./file-event.ts";
import { FileTree } from "./file-tree.ts";
import { findWritten } from "./find-written.ts";
import { areBlocksTouched, isInodeTouched, type KnownFile } from "./known-file.ts";
import { RangeSet } from "./range-set.ts";
import { walkRelogged } from "./relogged-blocks.ts";
import { TreeReading } from "./tree-reading.ts";

/** Some 200,000 files. */
const MOST_BYTES = 256 * 1024 * 1024;

/** What became of a file system since it was read before. */
export interface TreeChanges {
  readonly events: readonly FileEvent[];
  /** What changed and cannot be read: it is tried again each time, and told of once. */
  readonly missed: readonly Missed[];
}

/**
 * Which inodes, directories and blocks of an ext2, ext3 or ext4 file system belong to which path: so that
 * what was written to its volume is known by file, and only that is read again.
 *
 * A change is seen once the guest wrote it to the disk, be it to the journal. HOSTILE: the guest writes all
 * of it.
 */
export class TreeIndex {
  /** What could not be read at first. */
  readonly missed: readonly Missed[];
  readonly #tree: FileTree;
  #doubts: ReadonlyMap<number, string>;
  #logged: Ext4Layout["logged"];
  #hadFastCommits: boolean;

  /**
   * Reads the whole tree, no file's contents. Throws `disk/unknown-format` for another file system,
   * `disk/unsupported` where the index would take more than about `mostBytes` of memory, and `disk/*` where
   * even the root cannot be read.
   */
  constructor(volume: BlockReader, mostBytes = MOST_BYTES) {
    const layout = new Ext4Layout(volume);
    this.#tree = new FileTree(layout.root, mostBytes);
    const reading = new TreeReading(layout, this.#tree);
    reading.readRoot();
    reading.finish();
    this.missed = reading.missed(new Map());
    this.#doubts = reading.doubts;
    this.#logged = layout.logged;
    this.#hadFastCommits = layout.hasFastCommits;
  }

  /** How many files and directories it knows. */
  get files(): number {
    return this.#tree.size;
  }

  /** About how much memory it takes. */
  get bytes(): number {
    return this.#tree.bytes;
  }

  /**
   * Reads again what belongs to `written`: the bytes of the volume that were written to since the last time,
   * and maybe others. Throws as the constructor does; after that the index is of no more use.
   */
  update(volume: BlockReader, written: RangeSet): TreeChanges {
    const layout = new Ext4Layout(volume);
    const { hasFastCommits, blockSize } = layout;
    const touched = new RangeSet([...written, ...walkRelogged(this.#logged, layout)]);
    // Fast commits tell of files: where these are is written in no block of theirs.
    const isAny = hasFastCommits || this.#hadFastCommits;
    this.#tree.begin();
    const reading = new TreeReading(layout, this.#tree);
    const rewritten: number[] = [];
    for (const [inode, file] of this.#tree.entries()) {
      const isDue = isAny || this.#doubts.has(inode) || isInodeTouched(file, touched, layout);
      if (isDue) reading.readInode(inode);
      if (!areBlocksTouched(file, touched, layout)) continue;
      if (file.names === undefined) rewritten.push(inode);
      else reading.readNames(inode);
    }
    reading.finish();
    const writtenOf = (before: KnownFile, after: KnownFile) =>
      hasFastCommits && before.stat.modifiedMs !== after.stat.modifiedMs
        ? [{ start: 0, end: after.stat.size }]
        : findWritten(before, after, touched, blockSize);
    const inodes = new Set([...this.#tree.changed(), ...rewritten]);
    const events = compareTrees(this.#tree, [...inodes], writtenOf);
    const missed = reading.missed(this.#doubts);
    this.#doubts = reading.doubts;
    this.#logged = layout.logged;
    this.#hadFastCommits = hasFastCommits;
    return { events, missed };
  }
}
