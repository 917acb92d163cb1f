import type { BlockReader } from "../../block-reader.ts";
import { noteUnrepeatable } from "../../trace/trace-reads.ts";
import { decodeName } from "../decode-name.ts";
import type { DirectoryEntry, FileNode, FileStat } from "../file-node.ts";
import { FileSystem } from "../file-system.ts";
import { walkDirectory } from "./directory-entries.ts";
import type { MetadataCursor } from "./metadata-cursor.ts";
import { damaged, unsupported } from "./squashfs-error.ts";
import { SquashfsFile } from "./squashfs-file.ts";
import { type SquashfsInode, takeInode } from "./squashfs-inode.ts";
import { SquashfsVolume } from "./squashfs-volume.ts";

/**
 * Opens a squashfs 4.0 file system (Linux 6.12, fs/squashfs), compressed by gzip, LZO, XZ, LZ4 or zstd.
 *
 * Throws `disk/unknown-format`, `disk/damaged`, `disk/unsupported`, `disk/truncated`.
 */
export function openSquashfs(reader: BlockReader): FileSystem {
  // It is written once, as a whole.
  noteUnrepeatable();
  const volume = new SquashfsVolume(reader);
  // A reference has the offset in its lower 16 bits, the block above them.
  const reference = volume.superblock.rootReference;
  const root = new SquashfsNode(volume, Number(reference >> 16n), Number(reference & 0xffffn));
  if (root.stat.type !== "directory")
    throw damaged("the root", `a ${root.stat.type}`, "a directory");
  return new FileSystem({ type: "squashfs", label: "", uuid: "", isDirty: false, root });
}

class SquashfsNode implements FileNode {
  readonly stat: FileStat;
  readonly #volume: SquashfsVolume;
  readonly #inode: SquashfsInode;
  /** Of a file, where the lengths of its blocks are. */
  readonly #open: () => readonly [SquashfsInode, MetadataCursor];

  constructor(volume: SquashfsVolume, block: number, offset: number) {
    this.#volume = volume;
    this.#open = () => {
      const cursor = volume.inodeCursor(block, offset);
      return [takeInode(cursor), cursor];
    };
    [this.#inode] = this.#open();
    const { number, type, mode, uidIndex, gidIndex, size, links, modifiedSeconds } = this.#inode;
    this.stat = {
      inode: number,
      type,
      mode,
      uid: volume.id(uidIndex),
      gid: volume.id(gidIndex),
      size,
      links,
      modifiedMs: modifiedSeconds * 1000,
      changedMs: modifiedSeconds * 1000,
      encrypted: false,
    };
  }

  *entries(): Generator<DirectoryEntry> {
    this.#verifyIs("directory");
    for (const { name, block, offset } of walkDirectory(this.#volume, this.#inode)) {
      yield { name, open: () => new SquashfsNode(this.#volume, block, offset) };
    }
  }

  contents(): BlockReader {
    this.#verifyIs("file");
    return new SquashfsFile(this.#volume, ...this.#open());
  }

  target(): string {
    this.#verifyIs("symlink");
    return decodeName(this.#inode.target ?? Buffer.alloc(0));
  }

  #verifyIs(needed: FileStat["type"]): void {
    const { type, inode } = this.stat;
    if (type !== needed) throw unsupported(`inode ${inode}`, `a ${type}`, `a ${needed}`);
  }
}
