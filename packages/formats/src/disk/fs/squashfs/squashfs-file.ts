import type { BlockReader } from "../../block-reader.ts";
import { verifyWithin } from "../../read-bytes.ts";
import type { MetadataCursor } from "./metadata-cursor.ts";
import { damaged, unsupported } from "./squashfs-error.ts";
import type { SquashfsInode } from "./squashfs-inode.ts";
import type { SquashfsVolume } from "./squashfs-volume.ts";

const WORD_BYTES = 4;
const LENGTH_MASK = 0xff_ffff;
/** Of a file: half a TiB in blocks as mksquashfs makes them, whose list takes 16 MiB. */
const MAX_BLOCKS = 4 * 1024 * 1024;
/** A block's place is the sum of all lengths before it: kept for every so many. */
const SUM_EVERY = 256;

/** A file's contents, block by block; what was read last stays expanded in the volume's store. */
export class SquashfsFile implements BlockReader {
  readonly size: number;
  readonly #volume: SquashfsVolume;
  readonly #inode: SquashfsInode;
  readonly #start: number;
  readonly #blockCount: number;
  readonly #words: Buffer;
  readonly #sums: number[];
  readonly #what: string;

  /** @param cursor where the lengths of its blocks are. Throws `disk/damaged`, `disk/unsupported`. */
  constructor(volume: SquashfsVolume, inode: SquashfsInode, cursor: MetadataCursor) {
    const { blockSize } = volume.superblock;
    const { size, file, number } = inode;
    this.#what = `inode ${number}`;
    this.size = size;
    this.#volume = volume;
    this.#inode = inode;
    this.#start = file?.start ?? 0;
    const hasFragment = file?.fragment !== undefined;
    this.#blockCount = hasFragment ? Math.floor(size / blockSize) : Math.ceil(size / blockSize);
    if (this.#blockCount > MAX_BLOCKS) {
      throw unsupported(this.#what, `${this.#blockCount} blocks`, `${MAX_BLOCKS} at most`);
    }
    this.#words = takeList(cursor, this.#blockCount * WORD_BYTES);
    this.#sums = sumEvery(this.#words, this.#start);
  }

  read(offset: number, target: Uint8Array): void {
    verifyWithin(this, offset, target.length, this.#what);
    const { blockSize } = this.#volume.superblock;
    for (let done = 0; done < target.length; ) {
      const at = offset + done;
      const index = Math.floor(at / blockSize);
      const inBlock = at - index * blockSize;
      // All blocks are whole but the last, which ends where the file does.
      const length = Math.min(blockSize, this.size - index * blockSize);
      const part = target.subarray(done, done + length - inBlock);
      const block = index < this.#blockCount ? this.#block(index, length) : this.#tail(length);
      if (block === undefined) part.fill(0);
      else part.set(block.subarray(inBlock, inBlock + part.length));
      done += part.length;
    }
  }

  /** `undefined` for a block that is all zeros, and so is not there. */
  #block(index: number, length: number): Buffer | undefined {
    const word = this.#words.readUInt32LE(index * WORD_BYTES);
    if (word === 0) return undefined;
    let at = this.#sums[Math.floor(index / SUM_EVERY)] ?? 0;
    for (let i = index - (index % SUM_EVERY); i < index; i += 1) {
      at += this.#words.readUInt32LE(i * WORD_BYTES) & LENGTH_MASK;
    }
    const block = this.#volume.store.data(at, word);
    if (block.length === length) return block;
    throw damaged(this.#what, `block ${index} of ${block.length} bytes`, `${length}`);
  }

  #tail(length: number): Buffer {
    const { index = 0, offset = 0 } = this.#inode.file?.fragment ?? {};
    const { at, word } = this.#volume.fragment(index);
    const block = this.#volume.store.data(at, word);
    if (offset + length <= block.length) return block.subarray(offset, offset + length);
    const seen = `an end of ${length} bytes at byte ${offset} of ${block.length}`;
    throw damaged(this.#what, seen, "one within its block");
  }
}

/** HOSTILE: the inode tells how long it is. What is not there is not made room for. */
function takeList(cursor: MetadataCursor, length: number): Buffer {
  const step = 64 * 1024;
  const parts: Buffer[] = [];
  for (let at = 0; at < length; at += step) parts.push(cursor.take(Math.min(step, length - at)));
  return Buffer.concat(parts);
}

function sumEvery(words: Buffer, start: number): number[] {
  const sums: number[] = [];
  let at = start;
  for (let i = 0; i * WORD_BYTES < words.length; i += 1) {
    if (i % SUM_EVERY === 0) sums.push(at);
    at += words.readUInt32LE(i * WORD_BYTES) & LENGTH_MASK;
  }
  return sums;
}
