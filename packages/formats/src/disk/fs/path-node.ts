import {
  isUsable,
  type Kept,
  keepReads,
  traceApart,
  useKept,
  useLookup,
} from "../trace/trace-reads.ts";
import type { DirectoryEntry, FileNode, FileType } from "./file-node.ts";

/** HOSTILE: directories have any number of names. Beyond so many in all, the others are read each time. */
const MAX_KEPT_NAMES = 50_000;

/** The names of a directory, and why there are no more of them. */
interface Listing {
  readonly entries: ReadonlyMap<string, DirectoryEntry>;
  readonly problem: unknown;
}

/** A file on the way of paths: what is in a directory is read once, however many paths go through it. */
export class PathNode {
  readonly node: FileNode;
  /** Without a slash at its end; the root's is empty. */
  readonly #path: string;
  /** Names that may still be kept of the file system. */
  readonly #room: { names: number };
  #listing: Kept<Listing | undefined> | undefined;
  readonly #below = new Map<string, Kept<PathNode | undefined>>();
  #type: FileType | undefined;

  constructor(node: FileNode, path = "", room = { names: MAX_KEPT_NAMES }) {
    this.node = node;
    this.#path = path;
    this.#room = room;
  }

  /** Whoever came here by its name goes by that already. */
  get type(): FileType {
    this.#type ??= traceApart(() => this.node.stat.type);
    return this.#type;
  }

  /** The first file of that name in the directory. Throws `disk/*`. */
  find(name: string): PathNode | undefined {
    const known = this.#below.get(name);
    const found = known !== undefined && isUsable(known) ? known : this.#open(name);
    return useLookup(found, `${this.#path}/${name}`, describeFound);
  }

  /** What is there and what is not, as two states of a system are compared by. */
  describe(): string {
    return traceApart(() => `${this.node.stat.inode} ${this.type}`);
  }

  #open(name: string): Kept<PathNode | undefined> {
    const found = keepReads(() => {
      const entry = this.#entry(name);
      return entry && new PathNode(entry.open(), `${this.#path}/${name}`, this.#room);
    });
    if (this.#room.names > 0) this.#below.set(name, found);
    this.#room.names -= 1;
    return found;
  }

  #entry(name: string): DirectoryEntry | undefined {
    if (this.#listing === undefined || !isUsable(this.#listing)) {
      this.#listing = keepReads(() => this.#list());
    }
    const listing = useKept(this.#listing);
    if (listing === undefined) return this.#search(name);
    const entry = listing.entries.get(name);
    if (entry === undefined && listing.problem !== undefined) throw listing.problem;
    return entry;
  }

  /** `undefined` where there is no room for all of its names. */
  #list(): Listing | undefined {
    const entries = new Map<string, DirectoryEntry>();
    let problem: unknown;
    try {
      for (const entry of this.node.entries()) {
        if (entries.size >= this.#room.names) return undefined;
        if (!entries.has(entry.name)) entries.set(entry.name, entry);
      }
    } catch (thrown) {
      problem = thrown;
    }
    this.#room.names -= entries.size;
    return { entries, problem };
  }

  #search(name: string): DirectoryEntry | undefined {
    for (const entry of this.node.entries()) if (entry.name === name) return entry;
    return undefined;
  }
}

const describeFound = (found: PathNode | undefined): string => found?.describe() ?? "";
