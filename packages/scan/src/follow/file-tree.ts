import { CasemateError } from "@casemate/core";
import { type KnownFile, type Link, weighFile } from "./known-file.ts";

/** Linux refuses paths beyond 4,096 bytes, two a directory. */
const MAX_DEPTH = 2048;

/** The files of a file system by their inodes; as they are, and as they were when `begin` was called. */
export class FileTree {
  readonly root: number;
  readonly #files = new Map<number, KnownFile>();
  /** What was changed since: as it was, `undefined` where there was none. */
  #before = new Map<number, KnownFile | undefined>();
  readonly #mostBytes: number;
  #bytes = 0;

  /** @param mostBytes about what it may take of memory. */
  constructor(root: number, mostBytes: number) {
    this.root = root;
    this.#mostBytes = mostBytes;
  }

  get size(): number {
    return this.#files.size;
  }

  /** About how much memory it takes. */
  get bytes(): number {
    return this.#bytes;
  }

  begin(): void {
    this.#before = new Map();
  }

  get(inode: number): KnownFile | undefined {
    return this.#files.get(inode);
  }

  getBefore(inode: number): KnownFile | undefined {
    return this.#before.has(inode) ? this.#before.get(inode) : this.#files.get(inode);
  }

  /** All, with what may be changed meanwhile. */
  entries(): readonly (readonly [inode: number, file: KnownFile])[] {
    return [...this.#files];
  }

  /** The inodes that were changed, in the order in which that came up. */
  changed(): readonly number[] {
    return [...this.#before.keys()];
  }

  /** Throws `disk/unsupported` where it becomes too large. */
  put(inode: number, file: KnownFile): void {
    this.#remember(inode);
    this.#bytes += weighFile(file);
    this.#files.set(inode, file);
    if (this.#bytes <= this.#mostBytes) return;
    throw new CasemateError(
      "disk/unsupported",
      `Cannot follow a file system of more than ${this.#files.size} files: its index takes more than ${this.#mostBytes} bytes, expected less.`,
    );
  }

  remove(inode: number): void {
    this.#remember(inode);
    this.#files.delete(inode);
  }

  link(inode: number, link: Link): void {
    const file = this.#files.get(inode);
    if (file !== undefined) this.put(inode, { ...file, links: [...file.links, link] });
  }

  unlink(inode: number, { parent, name }: Link): void {
    const file = this.#files.get(inode);
    if (file === undefined) return;
    const links = file.links.filter((link) => link.parent !== parent || link.name !== name);
    this.put(inode, { ...file, links });
  }

  /** Where a name of a directory leads in the tree as it is. */
  path({ parent, name }: Link): string {
    return this.#path(parent, name, (inode) => this.get(inode));
  }

  pathBefore({ parent, name }: Link): string {
    return this.#path(parent, name, (inode) => this.getBefore(inode));
  }

  /** Whether the directories above it end at the root. HOSTILE: they may be a circle. */
  isReached(inode: number): boolean {
    let at = inode;
    for (let depth = 0; at !== this.root; depth += 1) {
      const parent = this.get(at)?.links[0]?.parent;
      if (parent === undefined || depth > MAX_DEPTH) return false;
      at = parent;
    }
    return true;
  }

  #path(parent: number, name: string, get: (inode: number) => KnownFile | undefined): string {
    const names = [name];
    for (let at = parent; at !== this.root; ) {
      const link = get(at)?.links[0];
      if (link === undefined || names.length > MAX_DEPTH + 1) return `?/${names.join("/")}`;
      names.unshift(link.name);
      at = link.parent;
    }
    return `/${names.join("/")}`;
  }

  #remember(inode: number): void {
    const file = this.#files.get(inode);
    if (!this.#before.has(inode)) this.#before.set(inode, file);
    if (file !== undefined) this.#bytes -= weighFile(file);
  }
}
