import type { BlockReader } from "../../block-reader.ts";
import { diskError } from "../../disk-error.ts";
import { DecryptedReader } from "../../luks/decrypted-reader.ts";
import { readLuksHeader } from "../../luks/luks-header.ts";
import { SectorCipher } from "../../luks/sector-cipher.ts";
import { type LuksKey, unlockLuks } from "../../luks/unlock-luks.ts";
import { readBytes, verifyWithin } from "../../read-bytes.ts";
import { WindowReader } from "../../window-reader.ts";
import { ClusterMap, type ClusterRun } from "./cluster-map.ts";
import { expandCluster } from "./expand-cluster.ts";
import { type Qcow2Header, readQcow2Header } from "./qcow2-header.ts";
import { type Qcow2Snapshot, readQcow2Snapshots } from "./qcow2-snapshots.ts";

/** Expanded clusters that are kept, in bytes: small files share them. */
const MAX_EXPANDED_BYTES = 4 * 1024 * 1024;

export interface Qcow2Options {
  /** The disk that this image is a layer above; it may be shorter or longer. */
  readonly backing?: BlockReader | undefined;
  /** The external data file, where the header says there is one. */
  readonly dataFile?: BlockReader | undefined;
  /** What opens the LUKS header, where its clusters are encrypted. */
  readonly key?: LuksKey | undefined;
  /** Id or name of an internal snapshot to read instead of the disk as it is now. */
  readonly snapshot?: string | undefined;
}

/** A stretch of the virtual disk as this image alone has it, for those who follow what changed. */
export type Qcow2Run = ClusterRun & { readonly start: number };

/**
 * The virtual disk in a qcow2 image (QEMU, docs/interop/qcow2.txt), read-only.
 *
 * Names of other files in it are told and never followed: whoever opens it gives what it is based on.
 * HOSTILE: whoever made the image; if a guest could write the file itself, the guest.
 */
export class Qcow2Image implements BlockReader {
  readonly header: Qcow2Header;
  /** The snapshot that is read, if one is. */
  readonly snapshot: Qcow2Snapshot | undefined;
  readonly size: number;
  readonly #file: BlockReader;
  readonly #data: BlockReader;
  readonly #backing: BlockReader | undefined;
  readonly #map: ClusterMap;
  /** By offset in the file; oldest first. */
  readonly #expanded = new Map<number, Buffer>();

  /** Throws `disk/truncated`, `disk/damaged`, `disk/unsupported`, `disk/encrypted`, `disk/incomplete`. */
  constructor(file: BlockReader, options: Qcow2Options = {}) {
    const header = readQcow2Header(file);
    verifyReadable(header, options);
    const { snapshot: wanted, dataFile, backing, key } = options;
    this.header = header;
    this.#file = file;
    this.#data = decrypt(file, header, dataFile ?? file, key);
    this.#backing = backing;
    this.snapshot = wanted === undefined ? undefined : findSnapshot(file, header, wanted);
    const { size, l1Offset, l1Entries } = this.snapshot ?? header;
    this.size = size;
    const hasDataFile = header.dataFile !== undefined;
    this.#map = new ClusterMap(file, { ...header, size, l1Offset, l1Entries, hasDataFile });
  }

  snapshots(): readonly Qcow2Snapshot[] {
    return readQcow2Snapshots(this.#file, this.header);
  }

  read(offset: number, target: Uint8Array): void {
    verifyWithin(this, offset, target.length, "a qcow2 image");
    for (let done = 0; done < target.length; ) {
      const run = this.#runAt(offset + done, target.length - done);
      // Mostly it is all in one run, and a view of all costs as much as to find it.
      const isWhole = run.length === target.length;
      const part = isWhole ? target : target.subarray(done, done + run.length);
      this.#fill(run, offset + done, part);
      done += part.length;
    }
  }

  /** What each stretch of `[start, end)` is in this image; stretches that follow each other are one. */
  *walkRuns(start = 0, end = this.size): Generator<Qcow2Run> {
    for (let at = start; at < end; ) {
      const run = this.#runAt(at, end - at);
      yield { ...run, start: at };
      at += run.length;
    }
  }

  /** The stretch from `offset` on, joined with what goes on in the same way, at most `most` bytes of it. */
  #runAt(offset: number, most: number): ClusterRun {
    const first = this.#map.at(offset);
    if (first.kind === "compressed") {
      const left = this.#map.clusterSize - (offset % this.#map.clusterSize);
      return { ...first, length: Math.min(left, most) };
    }
    let { length } = first;
    if (length === most) return first;
    while (length < most) {
      const next = this.#map.at(offset + length);
      if (next.kind !== first.kind) break;
      if (next.kind === "data" && first.kind === "data") {
        if (next.offset !== first.offset + length) break;
      }
      length += next.length;
    }
    return { ...first, length: Math.min(length, most) };
  }

  #fill(run: ClusterRun, offset: number, target: Uint8Array): void {
    switch (run.kind) {
      case "data":
        this.#readData(run.offset, target);
        return;
      case "zeros":
        target.fill(0);
        return;
      case "unallocated":
        this.#readBacking(offset, target);
        return;
      case "compressed": {
        const from = offset % this.#map.clusterSize;
        target.set(this.#expand(run.offset, run.bytes).subarray(from, from + target.length));
      }
    }
  }

  /** The last cluster of a file may be shorter than a cluster; the rest of it reads as zeros, as QEMU has it. */
  #readData(offset: number, target: Uint8Array): void {
    const there = Math.min(target.length, Math.max(0, this.#data.size - offset));
    const clusterEnd = Math.ceil(this.#data.size / this.#map.clusterSize) * this.#map.clusterSize;
    if (offset + target.length > clusterEnd) {
      verifyWithin(this.#data, offset, target.length, "a cluster");
    }
    readStart(this.#data, offset, target, there);
  }

  /** A backing disk that is shorter goes on with zeros. */
  #readBacking(offset: number, target: Uint8Array): void {
    const size = this.#backing?.size ?? 0;
    const there = Math.min(target.length, Math.max(0, size - offset));
    readStart(this.#backing, offset, target, there);
  }

  #expand(offset: number, length: number): Buffer {
    const known = this.#expanded.get(offset);
    if (known !== undefined) return known;
    const { clusterSize } = this.#map;
    const there = Math.min(length, Math.max(0, this.#file.size - offset));
    const packed = readBytes(this.#file, offset, there, "a compressed cluster");
    const expanded = expandCluster(this.header.compression, packed, clusterSize);
    if (typeof expanded === "string") {
      const needed = `${clusterSize} bytes`;
      const doing = `read the compressed cluster at byte ${offset} of a qcow2 image`;
      throw diskError("disk/damaged", doing, { seen: expanded, needed });
    }
    const most = Math.max(1, MAX_EXPANDED_BYTES / clusterSize);
    for (const oldest of this.#expanded.keys()) {
      if (this.#expanded.size < most) break;
      this.#expanded.delete(oldest);
    }
    this.#expanded.set(offset, expanded);
    return expanded;
  }
}

/** The first `length` bytes of `target`, and zeros after them. */
function readStart(
  reader: BlockReader | undefined,
  offset: number,
  target: Uint8Array,
  length: number,
): void {
  if (length === target.length) {
    reader?.read(offset, target);
    return;
  }
  if (length > 0) reader?.read(offset, target.subarray(0, length));
  target.fill(0, length);
}

/** The clusters in clear: a sector's number is its place in the file. */
function decrypt(
  file: BlockReader,
  { encryption, encryptionHeader: place }: Qcow2Header,
  data: BlockReader,
  key: LuksKey | undefined,
): BlockReader {
  if (encryption === "none" || key === undefined) return data;
  if (place === undefined) {
    const seen = "there is no encryption header";
    throw diskError("disk/damaged", "read a qcow2 image", { seen, needed: "one" });
  }
  const volume = new WindowReader(file, place.offset, place.size, "the encryption header");
  const header = readLuksHeader(volume);
  const volumeKey = unlockLuks(volume, header, key);
  const cipher = new SectorCipher(header.encryption, volumeKey, header.segment.sectorSize);
  return new DecryptedReader(data, cipher, 0);
}

function verifyReadable(header: Qcow2Header, { backing, dataFile, key }: Qcow2Options): void {
  const { encryption, backingFile } = header;
  if (encryption === "aes" || (encryption === "luks" && key === undefined)) {
    const seen = `its clusters are encrypted (${encryption})`;
    throw diskError("disk/encrypted", "read a qcow2 image", { seen, needed: "clear ones" });
  }
  if (backingFile !== undefined && backing === undefined) {
    throw incomplete(`it is a layer above ${JSON.stringify(backingFile.path)}`, "that image");
  }
  if (header.dataFile !== undefined && dataFile === undefined) {
    throw incomplete(`its data are in ${JSON.stringify(header.dataFile)}`, "that file");
  }
}

function findSnapshot(file: BlockReader, header: Qcow2Header, wanted: string): Qcow2Snapshot {
  const snapshots = readQcow2Snapshots(file, header);
  const byId = snapshots.find(({ id }) => id === wanted);
  const found = byId ?? snapshots.find(({ name }) => name === wanted);
  if (found !== undefined) return found;
  const seen = `there is no snapshot ${JSON.stringify(wanted)}`;
  const needed = `one of ${snapshots.length}`;
  throw diskError("disk/not-found", "read a qcow2 image", { seen, needed });
}

function incomplete(seen: string, needed: string) {
  return diskError("disk/incomplete", "read a qcow2 image", { seen, needed });
}
