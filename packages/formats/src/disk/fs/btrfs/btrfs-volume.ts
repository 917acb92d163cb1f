import type { BlockReader } from "../../block-reader.ts";
import { damaged } from "./btrfs-error.ts";
import { type BtrfsSuperblock, readBtrfsSuperblock } from "./btrfs-superblock.ts";
import { BtrfsTree } from "./btrfs-tree.ts";
import { CheckedData } from "./checked-data.ts";
import { ChunkMap } from "./chunk-map.ts";
import { parseRootItem, type RootItem } from "./root-item.ts";
import { TreeBlocks } from "./tree-blocks.ts";
import { ItemType } from "./tree-key.ts";

/** `BTRFS_FIRST_CHUNK_TREE_OBJECTID`, `BTRFS_CSUM_TREE_OBJECTID`. */
const FIRST_CHUNK_TREE = 256;
const CSUM_TREE = 7;
/** Sorts after all others: 2^64 - 1. */
const LAST_OFFSET = -1;

/** Where the trees and the data of a btrfs file system on one device are. */
export class BtrfsVolume {
  readonly superblock: BtrfsSuperblock;
  readonly rootTree: BtrfsTree;
  readonly data: CheckedData;
  readonly #blocks: TreeBlocks;

  /** Throws `disk/unknown-format`, `disk/damaged`, `disk/unsupported`, `disk/truncated`. */
  constructor(reader: BlockReader) {
    const superblock = readBtrfsSuperblock(reader);
    const chunks = new ChunkMap(superblock.deviceId, superblock.sectorSize);
    chunks.addSystemChunks(superblock.systemChunks);
    this.superblock = superblock;
    this.#blocks = new TreeBlocks(reader, superblock, chunks);
    const chunkTree = new BtrfsTree(this.#blocks, superblock.chunkTree);
    for (const { key, data } of chunkTree.walk(FIRST_CHUNK_TREE, ItemType.chunk))
      chunks.add(key.offset, data);
    this.rootTree = new BtrfsTree(this.#blocks, superblock.rootTree);
    this.data = new CheckedData(reader, superblock, chunks, () => this.tree(CSUM_TREE));
  }

  /** What the root tree says of a tree; `undefined` where it has none of that number. */
  root(id: number): RootItem | undefined {
    // The offset of a snapshot's key is the transaction that it was taken in.
    const item = this.rootTree.findAtOrBefore({
      objectid: id,
      type: ItemType.root,
      offset: LAST_OFFSET,
    });
    if (item?.key.objectid !== id || item.key.type !== ItemType.root) return undefined;
    return parseRootItem(item.data, id);
  }

  tree(id: number): BtrfsTree {
    const root = this.root(id);
    if (root === undefined) throw damaged(`tree ${id}`, "none of that number", "one");
    return new BtrfsTree(this.#blocks, root);
  }

  /** The tree whose root is told. */
  treeAt(root: RootItem): BtrfsTree {
    return new BtrfsTree(this.#blocks, root);
  }
}
