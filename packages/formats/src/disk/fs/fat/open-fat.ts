import type { BlockReader } from "../../block-reader.ts";
import { BytesReader } from "../../bytes-reader.ts";
import { diskError } from "../../disk-error.ts";
import { readBytes } from "../../read-bytes.ts";
import { traceNode } from "../../trace/trace-node.ts";
import { WindowReader } from "../../window-reader.ts";
import type { FindRun } from "../block-run.ts";
import type { DirectoryEntry, FileNode, FileStat } from "../file-node.ts";
import { FileSystem } from "../file-system.ts";
import { MappedFile } from "../mapped-file.ts";
import { clusterChain } from "./cluster-chain.ts";
import { type FatShape, readFatShape } from "./fat-boot-sector.ts";
import { FatAttribute, type FatEntry, walkFatDirectory } from "./fat-directory.ts";
import { damaged } from "./fat-error.ts";
import { FatTable } from "./fat-table.ts";

/** "A directory … 65,536 entries" of 32 bytes (Linux, `FAT_MAX_DIR_SIZE`). */
const MAX_DIRECTORY_BYTES = 2 * 1024 * 1024;
const ENTRY_BYTES = 32;
const FIRST_CLUSTER = 2;
/** Of the root directory of FAT12 and FAT16, which is in no cluster. */
const MAX_ROOT_ENTRIES = 0xffff;
/** What Linux gives files without owners: all to root, to be read by all. */
const MODE = { writable: 0o755, readOnly: 0o555 } as const;

/**
 * Opens a FAT12, FAT16 or FAT32 file system with long names (VFAT), read-only.
 *
 * It has no inodes: directories are numbered by their first cluster, files by where their entry is. Names are
 * found as they are written, though the system that made them takes `EFI` and `efi` for one.
 * Throws `disk/damaged`, `disk/truncated`. HOSTILE: whoever could write the disk.
 */
export function openFat(reader: BlockReader): FileSystem {
  const shape = readFatShape(reader);
  const table = new FatTable(reader, shape);
  const { clusterSize, clusterCount, dataStart, label, uuid } = shape;
  const data = new WindowReader(reader, dataStart, clusterCount * clusterSize, "a cluster");
  const volume: FatVolume = { reader, shape, table, data };
  let named: FatEntry | undefined;
  const openRoot = () => {
    const node = new FatNode(volume, rootEntry(shape), 0);
    named = [...node.rawEntries()].find(({ attributes }) => isLabel(attributes));
    return node;
  };
  const root = traceNode(openRoot, { entriesTell: true });
  return new FileSystem({
    type: "vfat",
    label: named === undefined ? label : named.name.replace(".", ""),
    uuid,
    isDirty: table.isDirty,
    root,
  });
}

interface FatVolume {
  readonly reader: BlockReader;
  readonly shape: FatShape;
  readonly table: FatTable;
  readonly data: BlockReader;
}

const isLabel = (attributes: number) => (attributes & FatAttribute.volumeId) !== 0;

/** The root directory is in no directory. */
function rootEntry({ root }: FatShape): FatEntry {
  const cluster = "cluster" in root ? root.cluster : 0;
  const attributes = FatAttribute.directory;
  return { name: "", attributes, cluster, size: 0, modifiedMs: 0, at: 0 };
}

class FatNode implements FileNode {
  readonly stat: FileStat;
  readonly #volume: FatVolume;
  readonly #entry: FatEntry;
  /** Of a directory, once it was read. */
  #bytes: Buffer | undefined;
  #findRun: FindRun | undefined;

  /** @param number of the entry on the disk, which no other has. */
  constructor(volume: FatVolume, entry: FatEntry, number: number) {
    this.#volume = volume;
    this.#entry = entry;
    const { attributes, cluster, size, modifiedMs } = entry;
    const isDirectory = (attributes & FatAttribute.directory) !== 0;
    const isReadOnly = (attributes & FatAttribute.readOnly) !== 0;
    this.stat = {
      inode: isDirectory ? cluster : number,
      type: isDirectory ? "directory" : "file",
      mode: isReadOnly && !isDirectory ? MODE.readOnly : MODE.writable,
      uid: 0,
      gid: 0,
      size: isDirectory ? 0 : size,
      links: 1,
      modifiedMs,
      changedMs: modifiedMs,
      encrypted: false,
    };
  }

  *entries(): Generator<DirectoryEntry> {
    this.#verifyIs("directory");
    for (const entry of this.rawEntries()) {
      if (isLabel(entry.attributes)) continue;
      const open = () => new FatNode(this.#volume, entry, this.#numberOf(entry));
      yield { name: entry.name, open };
    }
  }

  contents(): BlockReader {
    this.#verifyIs("file");
    const { size, name } = this.#entry;
    if (size === 0) return new BytesReader(new Uint8Array());
    const { clusterSize, clusterCount } = this.#volume.shape;
    // HOSTILE: a file that says it is larger than the disk.
    if (size > clusterCount * clusterSize) {
      throw damaged(JSON.stringify(name), `${size} bytes`, `${clusterCount * clusterSize} at most`);
    }
    return this.#mapped(size);
  }

  target(): string {
    throw this.#otherType("symlink");
  }

  /** What is in a directory, the volume's label included. */
  *rawEntries(): Generator<FatEntry> {
    this.#bytes ??= this.#readDirectory();
    yield* walkFatDirectory(this.#bytes);
  }

  #readDirectory(): Buffer {
    const { reader, shape, table } = this.#volume;
    const { root, clusterSize } = shape;
    const { cluster } = this.#entry;
    if (cluster === 0 && "start" in root) {
      return readBytes(reader, root.start, root.size, "the root directory");
    }
    const what = `the directory at cluster ${cluster}`;
    let clusters = 1;
    for (let at = table.next(cluster, what); at !== undefined; at = table.next(at, what)) {
      clusters += 1;
      // HOSTILE: so ends a chain that leads back into itself.
      if (clusters * clusterSize > MAX_DIRECTORY_BYTES) {
        throw damaged(what, `more than ${MAX_DIRECTORY_BYTES} bytes`, "its end");
      }
    }
    return readBytes(this.#mapped(clusters * clusterSize), 0, clusters * clusterSize, what);
  }

  #mapped(size: number): BlockReader {
    const { data, shape } = this.#volume;
    const { clusterSize: blockSize } = shape;
    const what = `what begins at cluster ${this.#entry.cluster}`;
    return new MappedFile(data, { size, blockSize }, this.#chain(size), what);
  }

  #chain(size: number): FindRun {
    const { table, shape } = this.#volume;
    const { cluster } = this.#entry;
    const clusters = Math.ceil(size / shape.clusterSize);
    return clusterChain(table, cluster, clusters, `what begins at cluster ${cluster}`);
  }

  /** The place of an entry on the disk, which no other has; no directory has a number as high. */
  #numberOf({ at }: FatEntry): number {
    const { root, clusterCount, clusterSize } = this.#volume.shape;
    const first = clusterCount + FIRST_CLUSTER;
    if (this.#entry.cluster === 0 && "start" in root) return first + at / ENTRY_BYTES;
    this.#findRun ??= this.#chain(this.#bytes?.length ?? clusterSize);
    const { physical = 0 } = this.#findRun(Math.floor(at / clusterSize));
    return first + MAX_ROOT_ENTRIES + (physical * clusterSize + (at % clusterSize)) / ENTRY_BYTES;
  }

  #verifyIs(needed: FileStat["type"]): void {
    if (this.stat.type !== needed) throw this.#otherType(needed);
  }

  #otherType(needed: FileStat["type"]) {
    const seen = `a ${this.stat.type}`;
    return diskError("disk/unsupported", `read ${JSON.stringify(this.#entry.name)}`, {
      seen,
      needed: `a ${needed}`,
    });
  }
}
