import { CasemateError, toCasemateError } from "@casemate/core";
import {
  type BlockReader,
  type DirectoryEntry,
  type FileNode,
  type FileStat,
  ReadTrace,
  traceApart,
  traceReads,
} from "@casemate/formats/disk";
import {
  type KeptDirectory,
  type KeptEntry,
  keepError,
  packStat,
  restoreError,
  unpackStat,
} from "./recipe.ts";

/** What a tree's nodes ask, and tell, of the directories that a walk comes to. */
export interface KeptTree {
  /** A directory as it was, where nothing of it changed since. */
  find(path: string, inode: number): KeptDirectory | undefined;
  /** An entry as it was, whatever became of its directory. */
  entry(directory: string, name: string): KeptEntry | undefined;
  keep(path: string, directory: KeptDirectory): void;
}

/** A file of a walk: directories that did not change are not read again. */
export class UnitNode implements FileNode {
  readonly path: string;
  /** As it is kept for the next scan. */
  readonly entry: KeptEntry;
  /** As the last scan kept it. */
  readonly before: KeptEntry | undefined;
  readonly stat: FileStat;
  readonly #tree: KeptTree;
  readonly #open: () => FileNode;
  #live: FileNode | undefined;

  constructor(
    tree: KeptTree,
    path: string,
    {
      entry,
      before,
      stat,
      open,
    }: {
      readonly entry: KeptEntry;
      readonly before: KeptEntry | undefined;
      readonly stat: FileStat;
      readonly open: () => FileNode;
    },
  ) {
    this.path = path;
    this.entry = entry;
    this.before = before;
    this.stat = stat;
    this.#tree = tree;
    this.#open = open;
  }

  /** The file as it is read from the disks, which notes itself what it was read from. Throws `disk/*`. */
  get #liveNode(): FileNode {
    this.#live ??= traceApart(this.#open);
    return this.#live;
  }

  /** Whether all but what is in it is as the last scan kept it. */
  get isAsBefore(): boolean {
    const [before, now] = [this.before?.stat, this.entry.stat];
    if (before === undefined || now === undefined) return false;
    return before === now || before.every((value, index) => value === now[index]);
  }

  entries(): Iterable<DirectoryEntry> {
    const kept = this.#tree.find(this.path, this.stat.inode);
    return kept === undefined ? this.#liveEntries() : this.#keptEntries(kept);
  }

  contents(): BlockReader {
    return this.#liveNode.contents();
  }

  target(): string {
    return this.#liveNode.target();
  }

  *#keptEntries(kept: KeptDirectory): Generator<DirectoryEntry> {
    const entries: KeptEntry[] = [];
    for (const [index, before] of kept.entries.entries()) {
      const { visits: _, ...rest } = before;
      const entry: KeptEntry = rest;
      entries.push(entry);
      yield { name: before.name, open: () => this.#openKept(entry, before, index) };
    }
    this.#tree.keep(this.path, { ...kept, entries });
    if (kept.problem !== undefined) throw restoreError(kept.problem);
  }

  #openKept(entry: KeptEntry, before: KeptEntry, index: number): FileNode {
    const { stat, problem } = entry;
    if (problem !== undefined) throw restoreError(problem);
    const open = () => this.#findLive(index);
    return stat === undefined ? open() : this.#below(entry, before, unpackStat(stat), open);
  }

  *#liveEntries(): Generator<DirectoryEntry> {
    const reads = new ReadTrace();
    const entries: KeptEntry[] = [];
    const { inode } = this.stat;
    const keep = (problem?: CasemateError) =>
      this.#tree.keep(this.path, {
        ...{ inode, reads: reads.spans, entries },
        ...(problem === undefined ? {} : { problem: keepError(problem) }),
      });
    try {
      const live = traceReads(reads, () => this.#liveNode.entries()[Symbol.iterator]());
      for (;;) {
        const next = traceReads(reads, () => live.next());
        if (next.done === true) break;
        const { name, open } = next.value;
        const at = entries.push({ name }) - 1;
        yield {
          name,
          open: () => {
            try {
              const [node, stat] = traceReads(reads, () => {
                const opened = open();
                return [opened, opened.stat];
              });
              const entry: KeptEntry = { name, stat: packStat(stat) };
              entries[at] = entry;
              return this.#below(entry, this.#tree.entry(this.path, name), stat, () => node);
            } catch (thrown) {
              entries[at] = { name, problem: keepError(toCasemateError(thrown)) };
              throw thrown;
            }
          },
        };
      }
    } catch (thrown) {
      if (thrown instanceof CasemateError) keep(thrown);
      throw thrown;
    }
    keep();
  }

  #below(
    entry: KeptEntry,
    before: KeptEntry | undefined,
    stat: FileStat,
    open: () => FileNode,
  ): UnitNode {
    const path = `${this.path === "/" ? "" : this.path}/${entry.name}`;
    return new UnitNode(this.#tree, path, { entry, before, stat, open });
  }

  /** HOSTILE: two entries may have one name. The directory is as it was, and so is their order. */
  #findLive(index: number): FileNode {
    let at = 0;
    for (const entry of this.#liveNode.entries()) {
      if (at === index) return entry.open();
      at += 1;
    }
    throw new Error(`${this.path} has ${at} entries where it had more.`);
  }
}
