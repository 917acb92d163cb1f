import { diskError } from "../../disk-error.ts";
import { decodeName } from "../decode-name.ts";
import { damaged, unsupported } from "./btrfs-error.ts";
import type { BtrfsTree } from "./btrfs-tree.ts";
import type { BtrfsVolume } from "./btrfs-volume.ts";
import { type NamedItem, walkDirectoryItem } from "./directory-item.ts";
import { ItemType, readS64 } from "./tree-key.ts";

/** `BTRFS_FS_TREE_OBJECTID`, below which all others are, and `BTRFS_FIRST_FREE_OBJECTID`, the first of them. */
const TOP_LEVEL = 5;
const FIRST_FREE = 256;
/** `struct btrfs_root_ref`: dirid, sequence, name_len, name. */
const ROOT_REF_BYTES = 18;
/** Those that are told apart by what `FileStat.inode` has room for. */
const MAX_SUBVOLUMES = 2 ** 17;

/** A tree of files with inodes of its own: what a path comes into at a subvolume or a snapshot. */
export interface Subvolume {
  readonly id: number;
  readonly tree: BtrfsTree;
  /** The inode of its own directory. */
  readonly rootDirectory: number;
  /** How many of the file system's subvolumes were opened before it. */
  readonly ordinal: number;
}

/** The subvolumes of a file system, as paths come to them. */
export class Subvolumes {
  readonly volume: BtrfsVolume;
  readonly #opened = new Map<number, Subvolume>();

  constructor(volume: BtrfsVolume) {
    this.volume = volume;
  }

  /** Throws `disk/not-found`, `disk/damaged`, `disk/truncated`. */
  open(id: number): Subvolume {
    const subvolume = isSubvolume(id) ? this.#find(id) : undefined;
    if (subvolume !== undefined) return subvolume;
    const seen = "there is none of that number";
    throw diskError("disk/not-found", `open subvolume ${id}`, { seen, needed: "one" });
  }

  /** The number of the subvolume that is mounted where no other is asked for. */
  defaultId(): number {
    const { rootTree, superblock } = this.volume;
    for (const { data } of rootTree.walk(superblock.rootDirectory, ItemType.dirItem)) {
      for (const { name, location } of walkDirectoryItem(data, "the root tree's directory"))
        if (name === "default") return location.objectid;
    }
    return TOP_LEVEL;
  }

  /**
   * The subvolume that a name in a directory of another leads to; `undefined` where that is deleted, or is
   * not below this one but below what this one is a snapshot of: an empty directory, as the kernel has it.
   */
  openBelow(parent: Subvolume, directory: number, entry: NamedItem): Subvolume | undefined {
    const { objectid: id } = entry.location;
    const key = { objectid: parent.id, type: ItemType.rootRef, offset: id };
    const data = this.volume.rootTree.find(key)?.data;
    if (data === undefined || !isSubvolume(id)) return undefined;
    if (data.length < ROOT_REF_BYTES)
      throw damaged(`the reference to subvolume ${id}`, `${data.length} bytes`, "18 and a name");
    const name = decodeName(data.subarray(ROOT_REF_BYTES));
    return readS64(data, 0) === directory && name === entry.name ? this.#find(id) : undefined;
  }

  #find(id: number): Subvolume | undefined {
    const known = this.#opened.get(id);
    if (known !== undefined) return known;
    const root = this.volume.root(id);
    if (root === undefined || root.isDeleted) return undefined;
    const ordinal = this.#opened.size;
    if (ordinal >= MAX_SUBVOLUMES)
      throw unsupported(`subvolume ${id}`, `${ordinal} others were opened`, "fewer");
    const tree = this.volume.treeAt(root);
    const subvolume = { id, tree, rootDirectory: root.rootDirectory, ordinal };
    this.#opened.set(id, subvolume);
    return subvolume;
  }
}

const isSubvolume = (id: number): boolean => id === TOP_LEVEL || id >= FIRST_FREE;
