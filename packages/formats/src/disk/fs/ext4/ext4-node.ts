import type { BlockReader } from "../../block-reader.ts";
import { diskError } from "../../disk-error.ts";
import { readBytes } from "../../read-bytes.ts";
import { decodeName } from "../decode-name.ts";
import type { DirectoryEntry, FileNode } from "../file-node.ts";
import {
  isInnerBlock,
  type RawEntry,
  verifyDirectoryBlock,
  walkDirectoryBlock,
} from "./directory-block.ts";
import { damaged, unsupported } from "./ext4-error.ts";
import { type Ext4Inode, InodeFlag } from "./ext4-inode.ts";
import type { Ext4Volume } from "./ext4-volume.ts";
import { fileData } from "./file-data.ts";
import { inlineData } from "./inline-data.ts";

/** A target that fits is in the inode itself (ext4_inode_is_fast_symlink). */
const MAX_FAST_TARGET = 60;
const MAX_TARGET = 4096;
/** Ten million names take 400 MB. */
const MAX_DIRECTORY_BYTES = 1024 * 1024 * 1024;
/** Inline, a directory begins with the number of the one above it. */
const INLINE_PARENT_BYTES = 4;

/** A file of an ext2, ext3 or ext4 file system. */
export class Ext4Node implements FileNode {
  readonly #volume: Ext4Volume;
  readonly #inode: Ext4Inode;

  constructor(volume: Ext4Volume, number: number) {
    this.#volume = volume;
    this.#inode = volume.inode(number);
  }

  get stat() {
    return this.#inode.stat;
  }

  *entries(): Generator<DirectoryEntry> {
    for (const { name, inode } of this.names()) {
      yield { name, open: () => new Ext4Node(this.#volume, inode) };
    }
  }

  /** What is in a directory, by the numbers of its inodes. */
  names(): Iterable<RawEntry> {
    this.#verifyIs("directory");
    const before = this.#rawEntries();
    return this.#volume.changes?.entries(this.stat.inode, before) ?? before;
  }

  contents(): BlockReader {
    this.#verifyIs("file");
    return fileData(this.#volume, this.#inode);
  }

  target(): string {
    this.#verifyIs("symlink");
    const { size, inode } = this.stat;
    if (size > MAX_TARGET) throw damaged(`link ${inode}`, `a target of ${size} bytes`, "a path");
    const isFast = size < MAX_FAST_TARGET && !this.#has("inlineData");
    const bytes = isFast ? this.#inode.block.subarray(0, size) : this.#read(0, size);
    return decodeName(bytes);
  }

  *#rawEntries(): Generator<RawEntry> {
    const { size, inode } = this.stat;
    const what = `directory ${inode}`;
    const { blockSize, hasFileTypes, hasIndexes } = this.#volume.superblock;
    if (this.#has("inlineData")) {
      const whole = inlineData(this.#inode);
      // The part in place of pointers and the part in the attribute are a block each.
      const first = whole.subarray(INLINE_PARENT_BYTES, this.#inode.block.length);
      yield* walkDirectoryBlock(first, what, hasFileTypes);
      yield* walkDirectoryBlock(whole.subarray(this.#inode.block.length), what, hasFileTypes);
      return;
    }
    if (size > MAX_DIRECTORY_BYTES || size % blockSize !== 0) {
      throw damaged(what, `a size of ${size}`, `blocks, ${MAX_DIRECTORY_BYTES} bytes at most`);
    }
    const { checksumSeed: seed } = this.#inode;
    const isHashed = hasIndexes && this.#has("index");
    for (let at = 0; at < size; at += blockSize) {
      const block = this.#read(at, blockSize);
      // A hole, which the kernel passes over too.
      if (block.readUInt16LE(4) === 0 && block.every((byte) => byte === 0)) continue;
      const mayBeIndex = isHashed && (at === 0 || isInnerBlock(block));
      if (seed !== undefined) verifyDirectoryBlock(block, { seed, mayBeIndex }, what);
      yield* walkDirectoryBlock(block, what, hasFileTypes);
    }
  }

  #read(offset: number, length: number): Buffer {
    this.#mapped ??= fileData(this.#volume, this.#inode);
    return readBytes(this.#mapped, offset, length, `inode ${this.stat.inode}`);
  }

  #mapped: BlockReader | undefined;

  #has(flag: keyof typeof InodeFlag): boolean {
    return (this.#inode.flags & InodeFlag[flag]) !== 0;
  }

  #verifyIs(needed: FileNode["stat"]["type"]): void {
    const { type, inode, encrypted } = this.stat;
    if (type !== needed) throw unsupported(`inode ${inode}`, `a ${type}`, `a ${needed}`);
    if (!encrypted) return;
    const seen = "it is encrypted (fscrypt)";
    throw diskError("disk/encrypted", `read inode ${inode}`, { seen, needed: "it in clear" });
  }
}
