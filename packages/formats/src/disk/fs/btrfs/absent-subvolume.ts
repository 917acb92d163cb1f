import type { BlockReader } from "../../block-reader.ts";
import type { DirectoryEntry, FileNode, FileStat } from "../file-node.ts";
import { unsupported } from "./btrfs-error.ts";

/**
 * The empty directory that is in a snapshot where the original has a subvolume (Linux 6.12,
 * fs/btrfs/inode.c, `new_simple_dir`). It has no inode: owner and times are those of the directory above it.
 */
export class AbsentSubvolume implements FileNode {
  readonly stat: FileStat;

  constructor(directory: FileStat, inode: number) {
    this.stat = { ...directory, inode, mode: 0o755, size: 0, links: 1 };
  }

  entries(): Iterable<DirectoryEntry> {
    return [];
  }

  contents(): BlockReader {
    throw unsupported("an absent subvolume", "a directory", "a file");
  }

  target(): string {
    throw unsupported("an absent subvolume", "a directory", "a symlink");
  }
}
