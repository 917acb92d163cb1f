import type { BlockReader } from "../../block-reader.ts";
import { verifyWithin } from "../../read-bytes.ts";
import { damaged } from "./btrfs-error.ts";
import type { BtrfsTree } from "./btrfs-tree.ts";
import type { BtrfsVolume } from "./btrfs-volume.ts";
import { expandExtent } from "./expand-extent.ts";
import { type FileExtent, type PackedData, parseFileExtent } from "./file-extent.ts";
import type { BtrfsInode } from "./inode-item.ts";
import { ItemType } from "./tree-key.ts";

/** The contents of a file, run by run; checksums verified where they are kept. */
export class BtrfsFile implements BlockReader {
  readonly size: number;
  readonly #volume: BtrfsVolume;
  readonly #tree: BtrfsTree;
  readonly #objectid: number;
  readonly #hasChecksums: boolean;
  readonly #what: string;
  /** Reads go on where the one before ended: its run and what it held are at hand. */
  #run: FileExtent = { kind: "zeros", start: 0, length: 0 };
  #expanded: { readonly packed: PackedData; readonly bytes: Buffer } | undefined;
  #sector: { readonly logical: number; readonly bytes: Buffer } | undefined;

  constructor(
    volume: BtrfsVolume,
    tree: BtrfsTree,
    objectid: number,
    inode: BtrfsInode,
    what: string,
  ) {
    this.size = inode.stat.size;
    this.#volume = volume;
    this.#tree = tree;
    this.#objectid = objectid;
    this.#hasChecksums = inode.hasChecksums;
    this.#what = what;
  }

  read(offset: number, target: Uint8Array): void {
    verifyWithin(this, offset, target.length, this.#what);
    for (let done = 0; done < target.length; ) {
      const at = offset + done;
      const run = this.#runAt(at);
      const part = target.subarray(done, done + run.start + run.length - at);
      this.#fill(run, at - run.start, part);
      done += part.length;
    }
  }

  /** The run that byte `at` is in; where no item tells of it, it is in a hole. */
  #runAt(at: number): FileExtent {
    const { start, length } = this.#run;
    if (at < start || at >= start + length) this.#run = this.#findRun(at);
    return this.#run;
  }

  #findRun(at: number): FileExtent {
    const objectid = this.#objectid;
    const type = ItemType.extentData;
    const item = this.#tree.findAtOrBefore({ objectid, type, offset: at });
    if (item?.key.objectid === objectid && item.key.type === type) {
      const run = parseFileExtent(item, this.#volume.superblock.sectorSize, this.#what);
      if (at < run.start + run.length) return run;
    }
    const [next] = this.#tree.walk(objectid, type, at + 1);
    const end = next?.key.offset ?? this.size;
    return { kind: "zeros", start: at, length: Math.max(end, at + 1) - at };
  }

  /** Fills `target` from byte `skipped` of a run on. */
  #fill(run: FileExtent, skipped: number, target: Uint8Array): void {
    switch (run.kind) {
      case "zeros":
        target.fill(0);
        return;
      case "inline":
        fillFrom(run.data, skipped, target);
        return;
      case "plain":
        this.#fillPlain(run.logical + skipped, target);
        return;
      case "compressed":
        fillFrom(this.#expand(run.packed), run.skipped + skipped, target);
    }
  }

  /** Whole sectors go into `target` at once; those at its ends by way of one that is kept. */
  #fillPlain(logical: number, target: Uint8Array): void {
    const { data, superblock } = this.#volume;
    const { sectorSize } = superblock;
    for (let done = 0; done < target.length; ) {
      const inSector = (logical + done) % sectorSize;
      const whole = target.length - done - ((target.length - done) % sectorSize);
      if (inSector === 0 && whole > 0) {
        data.read(logical + done, target.subarray(done, done + whole), this.#hasChecksums);
        done += whole;
        continue;
      }
      const sector = this.#readSector(logical + done - inSector);
      const part = target.subarray(done, done + sectorSize - inSector);
      part.set(sector.subarray(inSector, inSector + part.length));
      done += part.length;
    }
  }

  #readSector(logical: number): Buffer {
    if (this.#sector?.logical === logical) return this.#sector.bytes;
    const { data, superblock } = this.#volume;
    const bytes = Buffer.allocUnsafe(superblock.sectorSize);
    data.read(logical, bytes, this.#hasChecksums);
    this.#sector = { logical, bytes };
    return bytes;
  }

  #expand(packed: PackedData): Buffer {
    if (this.#expanded?.packed === packed) return this.#expanded.bytes;
    const { data, superblock } = this.#volume;
    const { compression, where, expandedBytes } = packed;
    const stored = "inline" in where ? where.inline : Buffer.allocUnsafe(where.storedBytes);
    if ("logical" in where) data.read(where.logical, stored, this.#hasChecksums);
    const bytes = expandExtent(compression, stored, expandedBytes, superblock.sectorSize);
    if (typeof bytes === "string") throw damaged(this.#what, bytes, `${expandedBytes} bytes`);
    this.#expanded = { packed, bytes };
    return bytes;
  }
}

/** Bytes from byte `from` on, and zeros where there are no more. */
function fillFrom(bytes: Buffer, from: number, target: Uint8Array): void {
  const there = bytes.subarray(from, from + target.length);
  target.set(there);
  target.fill(0, there.length);
}
