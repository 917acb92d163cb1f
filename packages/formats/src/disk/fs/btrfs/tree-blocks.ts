import { BlockCache } from "../../block-cache.ts";
import type { BlockReader } from "../../block-reader.ts";
import { CHECKSUM_ROOM, isSummed } from "./btrfs-checksum.ts";
import { damaged } from "./btrfs-error.ts";
import type { BtrfsSuperblock, TreeRoot } from "./btrfs-superblock.ts";
import type { ChunkMap } from "./chunk-map.ts";
import { parseTreeNode, type TreeNode } from "./tree-node.ts";

/** Tree blocks that are kept, in bytes. */
const CACHED_BYTES = 8 * 1024 * 1024;

/** The blocks of all trees by their logical addresses, verified; of two copies the one that is sound. */
export class TreeBlocks {
  readonly #superblock: BtrfsSuperblock;
  readonly #chunks: ChunkMap;
  readonly #cache: BlockCache;
  /** What the blocks in the cache were found to be. */
  readonly #nodes = new WeakMap<Buffer, TreeNode>();

  constructor(reader: BlockReader, superblock: BtrfsSuperblock, chunks: ChunkMap) {
    this.#superblock = superblock;
    this.#chunks = chunks;
    this.#cache = new BlockCache(reader, superblock.nodeSize, CACHED_BYTES, "a tree block");
  }

  /** The block that a tree's root or a block above it tells of. Throws `disk/damaged`, `disk/truncated`. */
  read(told: TreeRoot): TreeNode {
    const { nodeSize, sectorSize } = this.#superblock;
    const what = `the tree block ${told.bytenr}`;
    const isAddress = Number.isSafeInteger(told.bytenr) && told.bytenr % sectorSize === 0;
    if (!isAddress) throw damaged(what, "no sector of that address", "one");
    const { copies, length } = this.#chunks.find(told.bytenr, nodeSize);
    if (length < nodeSize) throw damaged(what, `${length} bytes of it in its chunk`, "all");
    let failure: unknown;
    for (const physical of copies) {
      try {
        return this.#readCopy(physical, told, what);
      } catch (error) {
        failure ??= error;
      }
    }
    throw failure;
  }

  #readCopy(physical: number, told: TreeRoot, what: string): TreeNode {
    const bytes = this.#cache.block(physical);
    const known = this.#nodes.get(bytes);
    const node = known?.bytenr === told.bytenr ? known : this.#verify(bytes, told.bytenr, what);
    if (node.level !== told.level || node.generation !== told.generation) {
      const seen = `level ${node.level}, generation ${node.generation}`;
      throw damaged(what, seen, `level ${told.level}, generation ${told.generation}`);
    }
    // Snapshots share blocks with the subvolume that they were taken of.
    const isOwned = isSubvolume(told.id) ? isSubvolume(node.owner) : node.owner === told.id;
    if (!isOwned) throw damaged(what, `a block of tree ${node.owner}`, `one of ${told.id}`);
    return node;
  }

  #verify(bytes: Buffer, bytenr: number, what: string): TreeNode {
    const { checksum, metadataUuid } = this.#superblock;
    if (!isSummed(checksum, bytes.subarray(CHECKSUM_ROOM), bytes, 0))
      throw damaged(what, `another ${checksum.name} checksum`, "its own");
    const node = parseTreeNode(bytes, bytenr, metadataUuid);
    this.#nodes.set(bytes, node);
    return node;
  }
}

/** `BTRFS_FS_TREE_OBJECTID` and from `BTRFS_FIRST_FREE_OBJECTID` on. */
const isSubvolume = (id: number): boolean => id === 5 || id >= 256;
