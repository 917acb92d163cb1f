import type { BlockReader } from "../../block-reader.ts";
import { traceNode } from "../../trace/trace-node.ts";
import { noteUnrepeatable, traceDisplaced, traceFact } from "../../trace/trace-reads.ts";
import type { BlockRun } from "../block-run.ts";
import type { FileNode, FileStat } from "../file-node.ts";
import { FileSystem } from "../file-system.ts";
import type { RawEntry } from "./directory-block.ts";
import { damaged, unsupported } from "./ext4-error.ts";
import { InodeFlag } from "./ext4-inode.ts";
import { Ext4Node } from "./ext4-node.ts";
import { Ext4Volume } from "./ext4-volume.ts";
import { fileData, fileRuns } from "./file-data.ts";
import type { LoggedBlock } from "./journal/logged-block.ts";
import { type Replay, replayJournal } from "./journal/replay-journal.ts";

const ROOT_INODE = 2;
/** No file has blocks beyond (`EXT_MAX_BLOCKS`). */
const MAX_BLOCKS = 2 ** 32;
/** Of files of these types, `i_block` leads to blocks. */
const MAPPED: ReadonlySet<FileStat["type"]> = new Set(["file", "directory", "symlink"]);
/** A target that is shorter is in the inode (ext4_inode_is_fast_symlink). */
const MAX_FAST_TARGET = 60;

/** A file's inode, and where it is. */
export interface PlacedInode {
  readonly stat: FileStat;
  /** Another each time that the number is given to a file. */
  readonly generation: number;
  /** Where the inode is on the volume, in bytes. */
  readonly at: number;
  /** What the file has in the inode itself; empty where it has blocks. */
  readonly inside: Uint8Array;
}

/** Blocks of a file that follow each other on the volume. */
export interface PlacedRun {
  /** The first, in blocks of the file. */
  readonly logical: number;
  /** The first, in blocks of the volume. */
  readonly physical: number;
  readonly count: number;
}

/** Where the contents of a file or the names of a directory are. */
export interface PlacedBlocks {
  readonly runs: readonly PlacedRun[];
  /** The blocks of the volume that say so: nodes of a tree of extents, blocks of pointers. */
  readonly nodes: readonly number[];
}

/** An ext2, ext3 or ext4 file system, and where on its volume each of its files is. */
export class Ext4Layout {
  readonly files: FileSystem;
  readonly root = ROOT_INODE;
  /** In bytes. */
  readonly blockSize: number;
  readonly inodeSize: number;
  /** The blocks that are read from the journal and not from their places, by their numbers. */
  readonly logged: ReadonlyMap<number, LoggedBlock>;
  /** Fast commits tell of files, not of blocks: what is changed by them is in no place. */
  readonly hasFastCommits: boolean;
  readonly #volume: Ext4Volume;

  /** Throws `disk/unknown-format`, `disk/damaged`, `disk/unsupported`, `disk/truncated`. */
  constructor(reader: BlockReader) {
    const asItLies = new Ext4Volume(reader);
    const replay = traceFact(
      () => replayOf(asItLies),
      () => "told by what is displaced",
    );
    const { reader: replayed, journal, changes, logged } = replay;
    if (changes !== undefined) noteUnrepeatable();
    traceDisplaced(() => readInPlace(asItLies, logged?.keys() ?? []));
    const isAsItLies = replayed === reader && changes === undefined;
    const volume = isAsItLies ? asItLies : new Ext4Volume(replayed, changes);
    const { type, label, uuid, blockSize, inodeSize } = volume.superblock;
    const root = traceFact(
      () => openRoot(volume),
      ({ stat }) => stat.type,
    );
    const isDirty = asItLies.superblock.wasInUse || journal?.state === "incomplete";
    this.files = new FileSystem({ type, label, uuid, isDirty, journal, root });
    this.blockSize = blockSize;
    this.inodeSize = inodeSize;
    this.logged = logged ?? new Map();
    this.hasFastCommits = changes !== undefined;
    this.#volume = volume;
  }

  /** Throws `disk/damaged`, `disk/truncated`. */
  inode(number: number): PlacedInode {
    const { stat, generation, block, flags, attributes } = this.#volume.inode(number);
    const isInline = (flags & InodeFlag.inlineData) !== 0;
    const inside = isInline
      ? Buffer.concat([block, attributes])
      : hasBlocks(stat)
        ? new Uint8Array()
        : block;
    return { stat, generation, at: this.#volume.inodeAt(number), inside };
  }

  /** The names in a directory. Throws `disk/damaged`, `disk/truncated`, `disk/encrypted`. */
  names(directory: number): Iterable<RawEntry> {
    return new Ext4Node(this.#volume, directory).names();
  }

  /**
   * Where the blocks of a file are, fast commits left out. Throws `disk/damaged`, `disk/truncated`, and
   * `disk/unsupported` beyond `mostRuns`. HOSTILE: a file may have any size, and a hole for each block.
   */
  blocks(number: number, mostRuns: number): PlacedBlocks {
    const inode = this.#volume.inode(number);
    const runs: PlacedRun[] = [];
    if (!hasBlocks(inode.stat) || (inode.flags & InodeFlag.inlineData) !== 0) {
      return { runs, nodes: [] };
    }
    const nodes = new Set<number>();
    const findRun = fileRuns(this.#noting(nodes), inode);
    const end = Math.min(Math.ceil(inode.stat.size / this.blockSize), MAX_BLOCKS);
    let steps = 0;
    for (let logical = 0; logical < end; ) {
      const { physical, count }: BlockRun = findRun(logical);
      steps += 1;
      if (steps > mostRuns) {
        throw unsupported(`inode ${number}`, `more than ${mostRuns} runs of blocks`, "fewer");
      }
      const within = Math.min(count, end - logical);
      if (physical !== undefined) runs.push({ logical, physical, count: within });
      logical += within;
    }
    return { runs, nodes: [...nodes] };
  }

  #noting(nodes: Set<number>) {
    const volume = this.#volume;
    return {
      superblock: volume.superblock,
      verifyBlocks: volume.verifyBlocks.bind(volume),
      block(number: number, what: string) {
        nodes.add(number);
        return volume.block(number, what);
      },
    };
  }
}

function hasBlocks({ type, size }: FileStat): boolean {
  return MAPPED.has(type) && !(type === "symlink" && size < MAX_FAST_TARGET);
}

function openRoot(volume: Ext4Volume): FileNode {
  const root = traceNode(() => new Ext4Node(volume, ROOT_INODE));
  if (root.stat.type === "directory") return root;
  throw damaged("the root", `a ${root.stat.type}`, "a directory");
}

/** Reads what the journal has something newer of: only that it is read matters. */
function readInPlace({ reader, superblock }: Ext4Volume, blocks: Iterable<number>): void {
  const { blockSize } = superblock;
  const bytes = Buffer.alloc(blockSize);
  for (const block of blocks) {
    if ((block + 1) * blockSize <= reader.size) reader.read(block * blockSize, bytes);
  }
}

function replayOf(volume: Ext4Volume): Partial<Replay> & Pick<Replay, "reader"> {
  const { reader, superblock } = volume;
  const { journalInode, needsRecovery } = superblock;
  if (journalInode === undefined) return { reader };
  // The kernel empties a journal that nobody says is to be replayed (ext4_load_journal).
  if (!needsRecovery) return { reader, journal: { state: "clean" } };
  return replayJournal(reader, superblock, () => {
    if (journalInode === 0) throw unsupported("the journal", "it is on another device", "an inode");
    const inode = volume.inode(journalInode);
    if (inode.stat.type !== "file") throw damaged("the journal", `a ${inode.stat.type}`, "a file");
    return fileData(volume, inode);
  });
}
