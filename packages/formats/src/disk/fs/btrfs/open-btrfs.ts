import type { BlockReader } from "../../block-reader.ts";
import { readBytes } from "../../read-bytes.ts";
import { noteUnrepeatable } from "../../trace/trace-reads.ts";
import { decodeName } from "../decode-name.ts";
import type { DirectoryEntry, FileNode, FileStat } from "../file-node.ts";
import { FileSystem, type JournalState } from "../file-system.ts";
import { AbsentSubvolume } from "./absent-subvolume.ts";
import { damaged, unsupported } from "./btrfs-error.ts";
import { BtrfsFile } from "./btrfs-file.ts";
import { BtrfsVolume } from "./btrfs-volume.ts";
import { type NamedItem, walkDirectoryItem } from "./directory-item.ts";
import { type BtrfsInode, parseInodeItem } from "./inode-item.ts";
import { absentNumber, inodeNumber } from "./inode-number.ts";
import { type Subvolume, Subvolumes } from "./subvolumes.ts";
import { ItemType } from "./tree-key.ts";

const MAX_TARGET = 4096;

export interface BtrfsOptions {
  /** The number of the subvolume that is the root, as with `mount -o subvolid=`; 5 is above all others. */
  readonly subvolume?: number;
}

/**
 * Opens a btrfs file system on one device (Linux 6.12, fs/btrfs), read-only: its default subvolume, with
 * those below it as directories.
 *
 * Checksums of metadata and data are verified, and of two copies the sound one is taken. Its log tree is not
 * replayed: what was fsynced last may be there alone, which `volume.isDirty` tells. Throws
 * `disk/unknown-format`, `disk/not-found`, `disk/damaged`, `disk/unsupported` (more than one device),
 * `disk/truncated`.
 */
export function openBtrfs(reader: BlockReader, options: BtrfsOptions = {}): FileSystem {
  // Each commit moves the roots of all trees, and inodes are numbered by what was opened before.
  noteUnrepeatable();
  const subvolumes = new Subvolumes(new BtrfsVolume(reader));
  const { label, uuid, hasLog } = subvolumes.volume.superblock;
  const subvolume = subvolumes.open(options.subvolume ?? subvolumes.defaultId());
  const root = new BtrfsNode(subvolumes, subvolume, subvolume.rootDirectory);
  if (root.stat.type !== "directory")
    throw damaged("the root", `a ${root.stat.type}`, "a directory");
  const journal: JournalState = hasLog
    ? { state: "incomplete", transactions: 1, reason: "its log tree is not replayed" }
    : { state: "clean" };
  return new FileSystem({ type: "btrfs", label, uuid, isDirty: hasLog, journal, root });
}

class BtrfsNode implements FileNode {
  readonly #subvolumes: Subvolumes;
  readonly #subvolume: Subvolume;
  readonly #objectid: number;
  readonly #inode: BtrfsInode;
  readonly #what: string;

  constructor(subvolumes: Subvolumes, subvolume: Subvolume, objectid: number) {
    this.#subvolumes = subvolumes;
    this.#subvolume = subvolume;
    this.#objectid = objectid;
    this.#what = `inode ${objectid} of subvolume ${subvolume.id}`;
    const number = inodeNumber(subvolume, objectid);
    const item = subvolume.tree.find({ objectid, type: ItemType.inode, offset: 0 });
    if (item === undefined) throw damaged(this.#what, "none of that number", "one");
    this.#inode = parseInodeItem(item.data, number, this.#what);
  }

  get stat(): FileStat {
    return this.#inode.stat;
  }

  *entries(): Generator<DirectoryEntry> {
    this.#verifyIs("directory");
    for (const { data } of this.#subvolume.tree.walk(this.#objectid, ItemType.dirIndex)) {
      for (const entry of walkDirectoryItem(data, this.#what))
        yield { name: entry.name, open: () => this.#open(entry) };
    }
  }

  contents(): BlockReader {
    this.#verifyIs("file");
    return this.#data();
  }

  target(): string {
    this.#verifyIs("symlink");
    const { size } = this.stat;
    if (size > MAX_TARGET) throw damaged(this.#what, `a target of ${size} bytes`, "a path");
    return decodeName(readBytes(this.#data(), 0, size, this.#what));
  }

  #open(entry: NamedItem): FileNode {
    const { objectid, type } = entry.location;
    if (type === ItemType.inode) return new BtrfsNode(this.#subvolumes, this.#subvolume, objectid);
    if (type !== ItemType.root) throw damaged(this.#what, `a name of key ${type}`, "1 or 132");
    const below = this.#subvolumes.openBelow(this.#subvolume, this.#objectid, entry);
    return below === undefined
      ? new AbsentSubvolume(this.stat, absentNumber(this.#subvolume, objectid))
      : new BtrfsNode(this.#subvolumes, below, below.rootDirectory);
  }

  #data(): BlockReader {
    const { volume } = this.#subvolumes;
    return new BtrfsFile(volume, this.#subvolume.tree, this.#objectid, this.#inode, this.#what);
  }

  #verifyIs(needed: FileStat["type"]): void {
    const { type } = this.stat;
    if (type !== needed) throw unsupported(this.#what, `a ${type}`, `a ${needed}`);
  }
}
