import { CasemateError } from "@casemate/core";
import type { BlockReader } from "../block-reader.ts";
import { diskError } from "../disk-error.ts";
import { readBytes } from "../read-bytes.ts";
import { ReadTrace } from "../trace/read-trace.ts";
import { traceReads } from "../trace/trace-reads.ts";
import type { DirectoryEntry, FileNode, FileStat } from "./file-node.ts";
import { PathNode } from "./path-node.ts";
import { type WalkedFile, walkTree } from "./walk-tree.ts";

/** Linux, include/linux/namei.h, MAXSYMLINKS, and include/uapi/linux/limits.h, PATH_MAX. */
const MAX_SYMLINKS = 40;
const MAX_PATH = 4096;
const CHUNK_BYTES = 1024 * 1024;

/** What became of the log of changes that a file system has, and that is read before all else on a mount. */
export type JournalState =
  | { readonly state: "clean" }
  /** Its changes are seen as if they were in their places; ext4's fast commits count as transactions. */
  | { readonly state: "replayed"; readonly transactions: number }
  /** Some changes were committed and are not seen. */
  | { readonly state: "incomplete"; readonly transactions: number; readonly reason: string };

/** What a format tells of a whole file system. */
export interface Volume {
  /** As `blkid` names it: `ext4`, `xfs`, `btrfs`. */
  readonly type: string;
  readonly label: string;
  readonly uuid: string;
  /** Its contents may differ from what a mounted system would see: not unmounted, or not all replayed. */
  readonly isDirty: boolean;
  /** `undefined` where it has none, or none that is told of. */
  readonly journal?: JournalState | undefined;
  readonly root: FileNode;
}

/**
 * A file system by paths, whichever format it is in.
 *
 * Symbolic links are followed inside the image only: `/` and `..` end at its root. HOSTILE: links may lead
 * in circles, directories may hold themselves; both end in an error.
 */
export class FileSystem {
  readonly volume: Volume;
  readonly #root: PathNode;

  constructor(volume: Volume) {
    this.volume = volume;
    this.#root = new PathNode(volume.root);
  }

  /** As lstat(2): links on the way are followed, one at the end is not. Throws `disk/not-found`, `disk/*`. */
  stat(path: string): FileStat {
    return this.find(path, { follow: false }).stat;
  }

  /** What is in a directory, in its own order, without `.` and `..`. */
  readDirectory(path: string): Iterable<DirectoryEntry> {
    return this.find(path).entries();
  }

  readLink(path: string): string {
    return this.find(path, { follow: false }).target();
  }

  /** The contents of a file, to be read anywhere. */
  openFile(path: string): BlockReader {
    return this.find(path).contents();
  }

  /** The contents from byte `start` to before byte `end`, in chunks of up to 1 MiB. */
  *readChunks(path: string, start = 0, end = Number.POSITIVE_INFINITY): Generator<Buffer> {
    const file = this.openFile(path);
    const stop = Math.min(end, file.size);
    for (let at = start; at < stop; at += CHUNK_BYTES) {
      yield readBytes(file, at, Math.min(CHUNK_BYTES, stop - at), path);
    }
  }

  /** The whole contents. Throws `disk/unsupported` where there are more than `most` bytes. */
  readFile(path: string, most: number): Buffer {
    const file = this.openFile(path);
    if (file.size <= most) return readBytes(file, 0, file.size, path);
    const seen = `it has ${file.size} bytes`;
    throw diskError("disk/unsupported", `read ${path} at once`, {
      seen,
      needed: `${most} at most`,
    });
  }

  /** Every file below `path`, each directory once and before what is in it. */
  walk(path = "/"): Generator<WalkedFile> {
    return walkTree(this.find(path), path === "/" ? "" : path.replace(/\/+$/, ""));
  }

  /** What a path without links leads to, as a `ReadTrace` that takes lookups has it; `undefined` where it is unreadable. */
  lookUp(path: string): string | undefined {
    const trace = new ReadTrace({ takesLookups: true });
    try {
      traceReads(trace, () => this.find(path, { follow: false }));
    } catch (thrown) {
      if (!(thrown instanceof CasemateError)) throw thrown; // where nothing is, the trace says so
    }
    return trace.lookups?.get(path);
  }

  /** The file at `path`, whether or not it begins with a slash. Throws `disk/not-found`, `disk/damaged`. */
  find(path: string, { follow } = { follow: true }): FileNode {
    if (path.length > MAX_PATH) throw notFound(path, "a path that long");
    let links = 0;
    const trail = [this.#root];
    const pending = path.split("/").toReversed();
    for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
      if (name === "" || name === ".") continue;
      if (name === "..") {
        if (trail.length > 1) trail.pop();
        continue;
      }
      const directory = trail.at(-1) ?? this.#root;
      if (directory.type !== "directory") throw notFound(path, `a ${directory.type}`);
      const found = directory.find(name);
      if (found === undefined) throw notFound(path, `no ${JSON.stringify(name)}`);
      if (found.type !== "symlink" || (!follow && isLast(pending))) {
        trail.push(found);
        continue;
      }
      links += 1;
      const target = found.node.target();
      if (links > MAX_SYMLINKS || pending.length > MAX_PATH) {
        const seen = `more than ${MAX_SYMLINKS} symbolic links`;
        throw diskError("disk/damaged", `follow ${path}`, { seen, needed: "fewer" });
      }
      if (target.startsWith("/")) trail.length = 1;
      pending.push(...target.split("/").toReversed());
    }
    return (trail.at(-1) ?? this.#root).node;
  }
}

const isLast = (pending: readonly string[]): boolean => pending.every((name) => name === "");

function notFound(path: string, seen: string) {
  return diskError("disk/not-found", `find ${path}`, {
    seen: `there is ${seen}`,
    needed: "a file",
  });
}
