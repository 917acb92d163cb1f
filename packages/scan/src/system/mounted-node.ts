import type { BlockReader, DirectoryEntry, FileNode, FileStat } from "@casemate/formats/disk";

/** What is mounted on a directory, and on those below it. */
export interface MountPoint {
  /** The root of what is mounted here; absent where that is only below. */
  root?: FileNode;
  readonly below: Map<string, MountPoint>;
}

/** Inode numbers of the second file system begin here: no two files of a tree have the same. */
const INODES_PER_MOUNT = 2 ** 46;

/** A directory as it looks with everything mounted in it. */
export class MountedNode implements FileNode {
  readonly #node: FileNode;
  readonly #point: MountPoint;

  constructor(node: FileNode, point: MountPoint) {
    this.#node = node;
    this.#point = point;
  }

  get stat(): FileStat {
    return this.#node.stat;
  }

  *entries(): Generator<DirectoryEntry> {
    for (const entry of this.#node.entries()) {
      const point = this.#point.below.get(entry.name);
      if (point === undefined) {
        yield entry;
        continue;
      }
      const open = () => {
        const node = point.root ?? entry.open();
        return point.below.size === 0 ? node : new MountedNode(node, point);
      };
      yield { name: entry.name, open };
    }
  }

  contents(): BlockReader {
    return this.#node.contents();
  }

  target(): string {
    return this.#node.target();
  }
}

/** A file of the `index`-th file system of a tree: as it is, its inode's number apart from the others'. */
export class NumberedNode implements FileNode {
  readonly #node: FileNode;
  readonly #index: number;

  constructor(node: FileNode, index: number) {
    this.#node = node;
    this.#index = index;
  }

  get stat(): FileStat {
    const { stat } = this.#node;
    return { ...stat, inode: stat.inode + this.#index * INODES_PER_MOUNT };
  }

  *entries(): Generator<DirectoryEntry> {
    for (const { name, open } of this.#node.entries()) {
      yield { name, open: () => new NumberedNode(open(), this.#index) };
    }
  }

  contents(): BlockReader {
    return this.#node.contents();
  }

  target(): string {
    return this.#node.target();
  }
}
