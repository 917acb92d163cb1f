import type { BlockReader } from "../../block-reader.ts";
import { readBytes } from "../../read-bytes.ts";
import { expandBlock } from "./expand-block.ts";
import { damaged } from "./squashfs-error.ts";
import type { SquashfsSuperblock } from "./squashfs-superblock.ts";

/** Linux 6.12, fs/squashfs/squashfs_fs.h: `SQUASHFS_METADATA_SIZE`, and the bit that says "as it is". */
const METADATA_BYTES = 8192;
const METADATA_AS_IT_IS = 0x8000;
const HEADER_BYTES = 2;
const DATA_AS_IT_IS = 1 << 24;

/** Expanded blocks that are kept, in bytes: of metadata and of data. */
const CACHED_METADATA = 4 * 1024 * 1024;
const CACHED_DATA = 8 * 1024 * 1024;

/** A block of metadata, and where the next begins. */
export interface MetadataBlock {
  readonly bytes: Buffer;
  readonly next: number;
}

/** The blocks of a squashfs file system, expanded; those read last are kept. */
export class BlockStore {
  readonly #volume: BlockReader;
  readonly #superblock: SquashfsSuperblock;
  /** By the byte where each begins; least recently used first. */
  readonly #metadata = new Map<number, MetadataBlock>();
  readonly #data = new Map<number, Buffer>();

  constructor(volume: BlockReader, superblock: SquashfsSuperblock) {
    this.#volume = volume;
    this.#superblock = superblock;
  }

  /** The block of metadata that begins at byte `at`. Throws `disk/damaged`, `disk/truncated`. */
  metadata(at: number): MetadataBlock {
    const known = this.#metadata.get(at) ?? this.#readMetadata(at);
    keep(this.#metadata, at, known, CACHED_METADATA / METADATA_BYTES);
    return known;
  }

  /**
   * The block of a file, or of ends of files, that begins at byte `at`.
   *
   * @param word its length on the disk and whether it is compressed, as inodes have it.
   */
  data(at: number, word: number): Buffer {
    const known = this.#data.get(at) ?? this.#readData(at, word);
    keep(this.#data, at, known, CACHED_DATA / this.#superblock.blockSize);
    return known;
  }

  /** Numbers that are not compressed. */
  raw(at: number, length: number, what: string): Buffer {
    return readBytes(this.#volume, at, length, what);
  }

  #readMetadata(at: number): MetadataBlock {
    const what = `metadata at byte ${at}`;
    const header = this.raw(at, HEADER_BYTES, what).readUInt16LE(0);
    const length = header & ~METADATA_AS_IT_IS;
    if (length === 0 || length > METADATA_BYTES) {
      throw damaged(what, `a block of ${length} bytes`, `1 to ${METADATA_BYTES}`);
    }
    const stored = this.raw(at + HEADER_BYTES, length, what);
    const isAsItIs = (header & METADATA_AS_IT_IS) !== 0;
    const bytes = isAsItIs ? stored : this.#expand(stored, METADATA_BYTES, what);
    return { bytes, next: at + HEADER_BYTES + length };
  }

  #readData(at: number, word: number): Buffer {
    const { blockSize } = this.#superblock;
    const what = `a block at byte ${at}`;
    const length = word & (DATA_AS_IT_IS - 1);
    if (length > blockSize || word >= DATA_AS_IT_IS * 2) {
      throw damaged(what, `one of ${word} bytes`, `${blockSize} at most`);
    }
    const stored = this.raw(at, length, what);
    return (word & DATA_AS_IT_IS) !== 0 ? stored : this.#expand(stored, blockSize, what);
  }

  #expand(stored: Buffer, most: number, what: string): Buffer {
    const { compression } = this.#superblock;
    const expanded = expandBlock(compression, stored, most);
    if (expanded !== undefined) return expanded;
    throw damaged(what, `damaged ${compression} data`, `${most} bytes of them at most`);
  }
}

function keep<Block>(blocks: Map<number, Block>, at: number, block: Block, most: number): void {
  blocks.delete(at);
  blocks.set(at, block);
  for (const oldest of blocks.keys()) {
    if (blocks.size <= most) break;
    blocks.delete(oldest);
  }
}
