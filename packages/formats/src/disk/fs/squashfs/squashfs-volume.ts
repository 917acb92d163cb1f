import type { BlockReader } from "../../block-reader.ts";
import { BlockStore } from "./block-store.ts";
import { MetadataCursor } from "./metadata-cursor.ts";
import { damaged } from "./squashfs-error.ts";
import { readSquashfsSuperblock, type SquashfsSuperblock } from "./squashfs-superblock.ts";

/** `squashfs_fragment_entry`: where, its length and whether it is compressed, four bytes for nothing. */
const FRAGMENT_BYTES = 16;
const ID_BYTES = 4;
const POINTER_BYTES = 8;
const METADATA_BYTES = 8192;

/** A block of data on the disk: where it begins, and its length as inodes have it. */
export interface StoredBlock {
  readonly at: number;
  readonly word: number;
}

/** Where the tables of a squashfs file system are, and what is in them. */
export class SquashfsVolume {
  readonly superblock: SquashfsSuperblock;
  readonly store: BlockStore;

  /** Throws `disk/unknown-format`, `disk/damaged`, `disk/unsupported`, `disk/truncated`. */
  constructor(reader: BlockReader) {
    this.superblock = readSquashfsSuperblock(reader);
    this.store = new BlockStore(reader, this.superblock);
  }

  /** At an inode: its block counted from the table's start, its place once that is expanded. */
  inodeCursor(block: number, offset: number): MetadataCursor {
    const { inodeTable, directoryTable } = this.superblock;
    const place = { block: inodeTable + block, offset, end: directoryTable };
    return new MetadataCursor(this.store, place, "the inodes");
  }

  /** At the names of a directory. */
  directoryCursor(block: number, offset: number): MetadataCursor {
    const { directoryTable, end } = this.superblock;
    const place = { block: directoryTable + block, offset, end };
    return new MetadataCursor(this.store, place, "the directories");
  }

  /** A user's or group's number. */
  id(index: number): number {
    const { idTable, idCount } = this.superblock;
    return this.#entry(idTable, idCount, index, ID_BYTES, "the users").readUInt32LE(0);
  }

  /** A block with ends of files. */
  fragment(index: number): StoredBlock {
    const { fragmentTable, fragmentCount } = this.superblock;
    const what = "the fragments";
    const entry = this.#entry(fragmentTable, fragmentCount, index, FRAGMENT_BYTES, what);
    return { at: Number(entry.readBigUInt64LE(0)), word: entry.readUInt32LE(8) };
  }

  /** An entry of a table that is found by pointers to its blocks. */
  #entry(table: number, count: number, index: number, width: number, what: string): Buffer {
    if (index >= count) throw damaged(what, `number ${index}`, `one of ${count}`);
    const perBlock = METADATA_BYTES / width;
    const pointer = table + Math.floor(index / perBlock) * POINTER_BYTES;
    const at = Number(this.store.raw(pointer, POINTER_BYTES, what).readBigUInt64LE(0));
    const { bytes } = this.store.metadata(at);
    const start = (index % perBlock) * width;
    if (start + width <= bytes.length) return bytes.subarray(start, start + width);
    throw damaged(what, `${bytes.length} bytes at byte ${at}`, `${start + width}`);
  }
}
