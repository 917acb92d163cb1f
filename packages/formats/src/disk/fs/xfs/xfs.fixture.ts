import { readdirSync, readlinkSync, writeFileSync } from "node:fs";
import { crc32c } from "../../../crc32c.ts";
import { BytesReader } from "../../bytes-reader.ts";
import { run } from "../../disk.fixture.ts";
import { readXfsSuperblock, type XfsSuperblock } from "./xfs-superblock.ts";

/** Blocks of a file, by their numbers as the file system has them. */
export interface PlantedExtent {
  readonly start: number;
  readonly fsblock: number;
  readonly count: number;
  readonly isUnwritten?: boolean;
}

/** Makes a file system with what is in the directory `tree`; its log is in it unless `options` say else. */
export function makeXfs(
  image: string,
  tree: string,
  options: readonly string[],
  size = "16m,agcount=1",
): string {
  const proto = `${image}.proto`;
  writeFileSync(proto, Buffer.concat(["-\n0 0\nd--755 0 0\n", ...list(tree), "$\n"].map(latin1)));
  const data = ["-d", `file,name=${image},size=${size}`];
  run("mkfs.xfs", "--unsupported", "-q", "-f", "-L", "casemate", ...data, ...options, "-p", proto);
  return image;
}

/** The lines of a protofile, one character a byte: names need not be UTF-8. */
function list(directory: string): string[] {
  const here = Buffer.from(directory, "latin1");
  return readdirSync(here, { withFileTypes: true, encoding: "buffer" }).flatMap((entry) => {
    const name = entry.name.toString("latin1");
    const path = `${directory}/${name}`;
    if (entry.isDirectory()) return [`${name} d--755 0 0\n`, ...list(path), "$\n"];
    if (!entry.isSymbolicLink()) return [`${name} --g640 70000 80000 ${path}\n`];
    const target = readlinkSync(Buffer.from(path, "latin1"), "buffer").toString("latin1");
    return [`${name} l--777 0 0 ${target}\n`];
  });
}

const latin1 = (text: string) => Buffer.from(text, "latin1");

/** What `xfs_db` says of fields of an inode. */
export function askXfsDb(image: string, inode: number, ...fields: readonly string[]): string {
  return run("xfs_db", "-r", "-c", `inode ${inode}`, "-c", `p ${fields.join(" ")}`, image);
}

/** An image in memory that tests change as no tool does, each change with its checksum. */
export class XfsPatch {
  readonly image: Buffer;
  readonly superblock: XfsSuperblock;

  constructor(image: Buffer) {
    this.image = image;
    this.superblock = readXfsSuperblock(new BytesReader(image));
  }

  /** Changes the superblock. */
  changeSuperblock(change: (bytes: Buffer) => void): void {
    const bytes = this.image.subarray(0, 512);
    change(bytes);
    this.#seal(bytes, 224);
  }

  /** Changes an inode. */
  changeInode(inode: number, change: (bytes: Buffer) => void): void {
    const { inodesPerBlockLog, inodeSize } = this.superblock;
    const block = this.block(Math.floor(inode / 2 ** inodesPerBlockLog));
    const at = (inode % 2 ** inodesPerBlockLog) * inodeSize;
    const bytes = block.subarray(at, at + inodeSize);
    change(bytes);
    this.#seal(bytes, 100);
  }

  /** A block by its number as the file system has it. */
  block(fsblock: number): Buffer {
    const { groupBlocksLog, groupBlocks, blockSize } = this.superblock;
    const group = Math.floor(fsblock / 2 ** groupBlocksLog);
    const at = (group * groupBlocks + (fsblock % 2 ** groupBlocksLog)) * blockSize;
    return this.image.subarray(at, at + blockSize);
  }

  /** The extents of an inode that has them in it. */
  extentsOf(inode: number): PlantedExtent[] {
    const extents: PlantedExtent[] = [];
    this.changeInode(inode, (bytes) => {
      for (let i = 0; i < bytes.readUInt32BE(76); i += 1) {
        const at = this.#coreSize + i * 16;
        const [high, low] = [bytes.readBigUInt64BE(at), bytes.readBigUInt64BE(at + 8)];
        extents.push({
          start: Number((high & ~(1n << 63n)) >> 9n),
          fsblock: Number(((high & 0x1ffn) << 43n) | (low >> 21n)),
          count: Number(low & 0x1f_ffffn),
        });
      }
    });
    return extents;
  }

  /** Gives an inode the extents that it is to have in it. */
  plantExtents(inode: number, extents: readonly PlantedExtent[]): void {
    this.changeInode(inode, (bytes) => {
      bytes.writeUInt8(2, 5);
      bytes.writeUInt32BE(extents.length, 76);
      extents.forEach((extent, i) => {
        packExtent(extent).copy(bytes, this.#coreSize + i * 16);
      });
      bytes.writeBigUInt64BE(BigInt(extents.reduce((sum, { count }) => sum + count, 0)), 64);
    });
  }

  /**
   * Gives an inode a tree of extents, in blocks from `fsblock` on; returns how many it took.
   *
   * @param least extents in a leaf, or nodes in a node.
   */
  plantTree(
    inode: number,
    extents: readonly PlantedExtent[],
    fsblock: number,
    least: number,
  ): number {
    let taken = 0;
    let level = 0;
    let entries = extents.map((extent) => ({ key: extent.start, bytes: packExtent(extent) }));
    while (level === 0 || entries.length > this.#rootRoom) {
      const first = fsblock + taken;
      const nodes = pieces(entries, least);
      nodes.forEach((node, i) => {
        const siblings = [i > 0 ? first + i - 1 : -1, i + 1 < nodes.length ? first + i + 1 : -1];
        this.#writeNode(first + i, inode, level, siblings, node);
      });
      entries = nodes.map((node, i) => ({ key: node[0]?.key ?? 0, bytes: word(first + i) }));
      taken += nodes.length;
      level += 1;
    }
    this.changeInode(inode, (bytes) => {
      bytes.writeUInt8(3, 5);
      bytes.writeUInt32BE(extents.length, 76);
      const root = bytes.subarray(this.#coreSize);
      root.fill(0);
      root.writeUInt16BE(level, 0);
      root.writeUInt16BE(entries.length, 2);
      entries.forEach(({ key, bytes: pointer }, i) => {
        word(key).copy(root, 4 + i * 8);
        pointer.copy(root, 4 + this.#rootRoom * 8 + i * 8);
      });
      const blocks = extents.reduce((sum, { count }) => sum + count, taken);
      bytes.writeBigUInt64BE(BigInt(blocks), 64);
    });
    return taken;
  }

  /** Writes the part of a link's target from byte `offset` on that one block has room for. */
  plantLink(fsblock: number, owner: number, target: Buffer, offset: number): void {
    const block = this.block(fsblock).fill(0);
    const length = target.copy(block, 56, offset);
    block.write("XSLM", "latin1");
    block.writeUInt32BE(offset, 4);
    block.writeUInt32BE(length, 8);
    this.superblock.metaUuid.copy(block, 16);
    word(owner).copy(block, 32);
    this.#address(fsblock).copy(block, 40);
    this.#seal(block, 12);
  }

  /**
   * Takes the one extent of a file apart: of its first half each block by itself, the last first and with a
   * hole after each, in a tree that is in the second half. Returns the extents and the first block left.
   */
  breakUp(
    inode: number,
    least: number,
  ): { readonly extents: PlantedExtent[]; readonly free: number } {
    const [whole] = this.extentsOf(inode);
    if (whole === undefined) throw new RangeError(`inode ${inode} has no extents`);
    const half = Math.floor(whole.count / 2);
    const extents = Array.from({ length: half }, (_, i) => ({
      start: i * 2,
      fsblock: whole.fsblock + half - 1 - i,
      count: 1,
      isUnwritten: i % 7 === 3,
    }));
    const free = whole.fsblock + half;
    const taken = this.plantTree(inode, extents, free, least);
    this.resize(inode, half * 2 * this.superblock.blockSize);
    return { extents, free: free + taken };
  }

  /** @param size in bytes. */
  resize(inode: number, size: number): void {
    this.changeInode(inode, (bytes) => bytes.writeBigUInt64BE(BigInt(size), 56));
  }

  /** Changes a node of a tree of extents. */
  changeNode(fsblock: number, change: (bytes: Buffer) => void): void {
    const block = this.block(fsblock);
    change(block);
    this.#seal(block, 64);
  }

  #writeNode(
    fsblock: number,
    owner: number,
    level: number,
    siblings: readonly number[],
    entries: readonly { readonly key: number; readonly bytes: Buffer }[],
  ): void {
    const { isV5, blockSize, metaUuid } = this.superblock;
    const headerBytes = isV5 ? 72 : 24;
    const room = Math.floor((blockSize - headerBytes) / 16);
    this.changeNode(fsblock, (block) => {
      block.fill(0);
      block.write(isV5 ? "BMA3" : "BMAP", "latin1");
      block.writeUInt16BE(level, 4);
      block.writeUInt16BE(entries.length, 6);
      siblings.forEach((sibling, i) => {
        block.writeBigInt64BE(BigInt(sibling), 8 + i * 8);
      });
      if (isV5) {
        this.#address(fsblock).copy(block, 24);
        metaUuid.copy(block, 40);
        word(owner).copy(block, 56);
      }
      entries.forEach(({ key, bytes }, i) => {
        if (level === 0) bytes.copy(block, headerBytes + i * 16);
        else {
          word(key).copy(block, headerBytes + i * 8);
          bytes.copy(block, headerBytes + room * 8 + i * 8);
        }
      });
    });
  }

  /** Where a block is, in blocks of 512 bytes. */
  #address(fsblock: number): Buffer {
    return word((this.block(fsblock).byteOffset - this.image.byteOffset) / 512);
  }

  get #coreSize(): number {
    return this.superblock.isV5 ? 176 : 100;
  }

  get #rootRoom(): number {
    return Math.floor((this.superblock.inodeSize - this.#coreSize - 4) / 16);
  }

  #seal(bytes: Buffer, at: number): void {
    if (!this.superblock.isV5) return;
    bytes.writeUInt32LE(0, at);
    bytes.writeUInt32LE((crc32c(0xffff_ffff, bytes) ^ 0xffff_ffff) >>> 0, at);
  }
}

function packExtent({ start, fsblock, count, isUnwritten = false }: PlantedExtent): Buffer {
  const bytes = Buffer.alloc(16);
  const block = BigInt(fsblock);
  const flag = isUnwritten ? 1n << 63n : 0n;
  bytes.writeBigUInt64BE(flag | (BigInt(start) << 9n) | (block >> 43n), 0);
  bytes.writeBigUInt64BE(((block & (2n ** 43n - 1n)) << 21n) | BigInt(count), 8);
  return bytes;
}

function word(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
}

/** As even pieces as can be, none shorter than `least`: trees are at least half full. */
function pieces<Item>(items: readonly Item[], least: number): Item[][] {
  const count = Math.max(1, Math.floor(items.length / least));
  const at = (index: number) => Math.floor((index * items.length) / count);
  return Array.from({ length: count }, (_, index) => items.slice(at(index), at(index + 1)));
}
