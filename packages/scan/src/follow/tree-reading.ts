import { CasemateError } from "@casemate/core";
import type { Ext4Layout } from "@casemate/formats/disk";
import { type Missed, missedBy } from "../missed.ts";
import type { FileTree } from "./file-tree.ts";
import { isSameFile, type KnownFile, readKnownFile } from "./known-file.ts";

/** Why a file or directory could not be read. */
interface Doubt {
  readonly path: string | undefined;
  readonly problem: CasemateError;
}

/** One reading of a file system, or of parts of it, into the tree of its files. */
export class TreeReading {
  readonly #layout: Ext4Layout;
  readonly #tree: FileTree;
  /** By inode; those that are to be read again the next time. */
  readonly #doubts = new Map<number, Doubt>();
  readonly #pending: number[] = [];

  constructor(layout: Ext4Layout, tree: FileTree) {
    this.#layout = layout;
    this.#tree = tree;
  }

  /** Files and directories that could not be read, and why. */
  get doubts(): ReadonlyMap<number, string> {
    return new Map([...this.#doubts].map(([inode, { problem }]) => [inode, problem.message]));
  }

  /** What could not be read and was not told of before. */
  missed(told: ReadonlyMap<number, string>): readonly Missed[] {
    return [...this.#doubts].flatMap(([inode, { path = this.#pathOf(inode), problem }]) =>
      told.get(inode) === problem.message ? [] : [missedBy(path, problem)],
    );
  }

  /** Begins with the root. Throws `disk/*` where it cannot be read. */
  readRoot(): void {
    const { root } = this.#tree;
    this.#tree.put(root, readKnownFile(this.#layout, root));
    this.#pending.push(root);
  }

  /** The names in a directory are to be read. */
  readNames(inode: number): void {
    this.#pending.push(inode);
  }

  /** Reads an inode; the names that are known lead to it until their directories say otherwise. */
  readInode(inode: number): void {
    const file = this.#tree.get(inode);
    if (file === undefined) return;
    let fresh: KnownFile;
    try {
      fresh = readKnownFile(this.#layout, inode);
    } catch (thrown) {
      // It may just be gone, which its directory says.
      this.#doubt(inode, thrown);
      return;
    }
    const isSame = isSameFile(file, fresh);
    if (!isSame) {
      for (const [name, child] of file.names ?? []) {
        this.#tree.unlink(child, { parent: inode, name });
      }
    }
    const names = isSame ? file.names : fresh.names;
    this.#tree.put(inode, { ...fresh, links: file.links, names });
    if (names !== undefined) this.#pending.push(inode);
  }

  /** Reads the directories that are due and what comes up in them, then removes what no name leads to. */
  finish(): void {
    const done = new Set<number>();
    for (let inode = this.#pending.pop(); inode !== undefined; inode = this.#pending.pop()) {
      if (!done.has(inode)) this.#readDirectory(inode);
      done.add(inode);
    }
    const changed = this.#tree.changed();
    for (const inode of changed) this.#cutLinks(inode);
    this.#removeUnlinked(changed);
    for (const inode of this.#doubts.keys()) {
      if (this.#tree.get(inode) === undefined) this.#doubts.delete(inode);
    }
  }

  #readDirectory(parent: number): void {
    const directory = this.#tree.get(parent);
    // A directory that was removed has no links, and may have blocks that are another's by now.
    if (directory?.names === undefined || directory.stat.links === 0) return;
    const names = new Map<string, number>();
    try {
      for (const { name, inode } of this.#layout.names(parent)) {
        if (!name.includes("/") && !names.has(name)) names.set(name, inode);
      }
    } catch (thrown) {
      this.#doubt(parent, thrown);
      return;
    }
    for (const [name, inode] of directory.names) {
      if (names.get(name) !== inode) this.#tree.unlink(inode, { parent, name });
    }
    for (const [name, inode] of names) {
      if (directory.names.get(name) === inode) continue;
      if (!this.#link(inode, parent, name)) names.delete(name);
    }
    const now = this.#tree.get(parent);
    if (now !== undefined) this.#tree.put(parent, { ...now, names });
  }

  /** False where what the name leads to cannot be read. */
  #link(inode: number, parent: number, name: string): boolean {
    if (this.#tree.get(inode) === undefined) {
      try {
        const file = readKnownFile(this.#layout, inode);
        this.#tree.put(inode, file);
        if (file.names !== undefined) this.#pending.push(inode);
      } catch (thrown) {
        this.#doubt(parent, thrown, this.#tree.path({ parent, name }));
        return false;
      }
    }
    this.#tree.link(inode, { parent, name });
    return true;
  }

  /**
   * Leaves a directory in one place. HOSTILE: it may be in two others, or in itself; it stays in the first, if
   * that is in the tree.
   */
  #cutLinks(inode: number): void {
    const file = this.#tree.get(inode);
    if (file?.names === undefined) return;
    const kept = inode !== this.#tree.root && this.#tree.isReached(inode) ? 1 : 0;
    for (const link of file.links.slice(kept)) {
      const { parent, name } = link;
      const problem = new CasemateError(
        "disk/damaged",
        `Cannot follow directory ${inode}: it is in directory ${parent} a second time, expected a tree.`,
      );
      const directory = this.#tree.get(parent);
      // A name of what is gone by now is no way to it.
      if (directory === undefined) continue;
      this.#doubt(parent, problem, this.#tree.path(link));
      const names = new Map(directory.names);
      names.delete(name);
      this.#tree.put(parent, { ...directory, names });
      this.#tree.unlink(inode, link);
    }
  }

  #removeUnlinked(changed: readonly number[]): void {
    const { root } = this.#tree;
    const isGone = (inode: number) => inode !== root && this.#tree.get(inode)?.links.length === 0;
    const gone = changed.filter(isGone);
    for (let inode = gone.pop(); inode !== undefined; inode = gone.pop()) {
      const names = this.#tree.get(inode)?.names ?? [];
      this.#tree.remove(inode);
      for (const [name, child] of names) {
        this.#tree.unlink(child, { parent: inode, name });
        if (isGone(child)) gone.push(child);
      }
    }
  }

  #doubt(inode: number, thrown: unknown, path?: string): void {
    // What cannot be held is no damage, and ends it.
    if (!(thrown instanceof CasemateError)) throw thrown;
    this.#doubts.set(inode, { path, problem: thrown });
  }

  #pathOf(inode: number): string {
    const link = this.#tree.get(inode)?.links[0];
    return link === undefined ? "/" : this.#tree.path(link);
  }
}
