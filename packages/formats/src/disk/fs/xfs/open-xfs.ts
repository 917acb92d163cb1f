import type { BlockReader } from "../../block-reader.ts";
import { traceNode } from "../../trace/trace-node.ts";
import { traceFact } from "../../trace/trace-reads.ts";
import { decodeName } from "../decode-name.ts";
import type { DirectoryEntry, FileNode } from "../file-node.ts";
import { FileSystem } from "../file-system.ts";
import { MappedFile } from "../mapped-file.ts";
import { walkDirectory } from "./directory.ts";
import { type RawEntry, walkShortEntries } from "./directory-entries.ts";
import { extentMap } from "./extent-map.ts";
import { readRemoteLink } from "./remote-link.ts";
import { damaged, unsupported } from "./xfs-error.ts";
import type { XfsInode } from "./xfs-inode.ts";
import { readLogState } from "./xfs-log.ts";
import { XfsVolume } from "./xfs-volume.ts";

/**
 * Opens an XFS file system of version 4 or 5 (Linux 6.12, fs/xfs/libxfs), read-only.
 *
 * Bounds and, in version 5, checksums and owners of metadata are verified. Its log is not replayed: where it
 * was not unmounted cleanly the newest changes may be there alone, which `volume.journal` tells.
 * Throws `disk/unknown-format`, `disk/damaged`, `disk/unsupported`, `disk/truncated`.
 */
export function openXfs(reader: BlockReader): FileSystem {
  const volume = new XfsVolume(reader);
  const { label, uuid, rootInode, needsRepair } = volume.superblock;
  const root = traceFact(
    () => openRoot(volume, rootInode),
    ({ stat }) => stat.type,
  );
  // Nothing is read by it.
  const journal = traceFact(
    () => readLogState(volume),
    () => undefined,
  );
  const isDirty = needsRepair || journal.state !== "clean";
  return new FileSystem({ type: "xfs", label, uuid, isDirty, journal, root });
}

function openRoot(volume: XfsVolume, rootInode: number): FileNode {
  const root = traceNode(() => new XfsNode(volume, rootInode));
  if (root.stat.type === "directory") return root;
  throw damaged("the root", `a ${root.stat.type}`, "a directory");
}

class XfsNode implements FileNode {
  readonly #volume: XfsVolume;
  readonly #inode: XfsInode;

  constructor(volume: XfsVolume, number: number) {
    this.#volume = volume;
    this.#inode = volume.inode(number);
  }

  get stat() {
    return this.#inode.stat;
  }

  *entries(): Generator<DirectoryEntry> {
    this.#verifyIs("directory");
    for (const { name, inode } of this.#rawEntries()) {
      yield { name, open: () => new XfsNode(this.#volume, inode) };
    }
  }

  contents(): BlockReader {
    this.#verifyIs("file");
    const { size, inode } = this.stat;
    const what = `inode ${inode}`;
    if (this.#inode.isRealtime) throw unsupported(what, "a realtime file", "one on this volume");
    const { blockSize } = this.#volume.superblock;
    const findRun = extentMap(this.#volume, this.#inode);
    return new MappedFile(this.#volume.reader, { size, blockSize }, findRun, what);
  }

  target(): string {
    this.#verifyIs("symlink");
    const isInline = this.#inode.format === "local";
    return decodeName(isInline ? this.#inline() : readRemoteLink(this.#volume, this.#inode));
  }

  #rawEntries(): Iterable<RawEntry> {
    if (this.#inode.format !== "local") return walkDirectory(this.#volume, this.#inode);
    const { hasFileTypes } = this.#volume.superblock;
    return walkShortEntries(this.#inline(), hasFileTypes, `directory ${this.stat.inode}`);
  }

  /** What is in the inode itself. */
  #inline(): Buffer {
    const { fork, stat } = this.#inode;
    if (stat.size <= fork.length) return fork.subarray(0, stat.size);
    throw damaged(`inode ${stat.inode}`, `${fork.length} bytes in it`, `${stat.size}`);
  }

  #verifyIs(needed: FileNode["stat"]["type"]): void {
    const { type, inode } = this.stat;
    if (type !== needed) throw unsupported(`inode ${inode}`, `a ${type}`, `a ${needed}`);
  }
}
