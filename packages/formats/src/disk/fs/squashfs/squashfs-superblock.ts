import type { BlockReader } from "../../block-reader.ts";
import { diskError } from "../../disk-error.ts";
import { readBytes } from "../../read-bytes.ts";
import { StructTable } from "../../struct-table.ts";
import { damaged, unsupported } from "./squashfs-error.ts";

/** Linux 6.12, fs/squashfs/squashfs_fs.h, `struct squashfs_super_block`. */
const SUPERBLOCK = new StructTable("squashfs_super_block", "little", 96, {
  s_magic: [0, "u32"],
  block_size: [12, "u32"],
  fragments: [16, "u32"],
  compression: [20, "u16"],
  block_log: [22, "u16"],
  no_ids: [26, "u16"],
  s_major: [28, "u16"],
  root_inode: [32, "u64"],
  bytes_used: [40, "u64"],
  id_table_start: [48, "u64"],
  inode_table_start: [64, "u64"],
  directory_table_start: [72, "u64"],
  fragment_table_start: [80, "u64"],
});
const MAGIC = 0x7371_7368;
const MAJOR = 4;
const MIN_BLOCK_LOG = 12; // 4 KiB
const MAX_BLOCK_LOG = 20; // 1 MiB

/** How blocks are compressed, by the number that stands for it; Linux reads no LZMA (2) either. */
const COMPRESSIONS = { 1: "gzip", 3: "lzo", 4: "xz", 5: "lz4", 6: "zstd" } as const;

export type SquashfsCompression = (typeof COMPRESSIONS)[keyof typeof COMPRESSIONS];

/** The shape of a squashfs file system; places are in bytes from its start. */
export interface SquashfsSuperblock {
  readonly compression: SquashfsCompression;
  /** Of a file's blocks, before compression. */
  readonly blockSize: number;
  readonly fragmentCount: number;
  readonly idCount: number;
  /** Where the root's inode is: see `parseReference`. */
  readonly rootReference: bigint;
  readonly end: number;
  readonly idTable: number;
  readonly inodeTable: number;
  readonly directoryTable: number;
  readonly fragmentTable: number;
}

/** Throws `disk/unknown-format`, `disk/damaged`, `disk/unsupported`, `disk/truncated`. */
export function readSquashfsSuperblock(volume: BlockReader): SquashfsSuperblock {
  const bytes = readBytes(volume, 0, SUPERBLOCK.size, "a squashfs superblock");
  const raw = SUPERBLOCK.parse(bytes);
  if (raw.s_magic !== MAGIC) {
    const seen = `magic 0x${raw.s_magic.toString(16)}`;
    throw diskError("disk/unknown-format", "read a squashfs file system", { seen, needed: "hsqs" });
  }
  if (raw.s_major !== MAJOR) throw unsupported("the superblock", `version ${raw.s_major}`, "4");
  const compression = COMPRESSIONS[raw.compression as keyof typeof COMPRESSIONS]; // undefined for others
  if (compression === undefined) {
    throw unsupported("the superblock", `compression ${raw.compression}`, "1 or 3 to 6");
  }
  const isBlockSize =
    raw.block_log >= MIN_BLOCK_LOG &&
    raw.block_log <= MAX_BLOCK_LOG &&
    raw.block_size === 2 ** raw.block_log;
  if (!isBlockSize)
    throw damaged("the superblock", `blocks of ${raw.block_size}`, "4 KiB to 1 MiB");
  const end = Number(raw.bytes_used);
  if (end > volume.size) {
    throw diskError("disk/truncated", "read a squashfs file system", {
      seen: `${volume.size} bytes are there`,
      needed: `${end}`,
    });
  }
  const within = (field: string, place: bigint): number => {
    if (place >= SUPERBLOCK.size && place < end) return Number(place);
    throw damaged("the superblock", `${field} ${place}`, `before byte ${end}`);
  };
  return {
    compression,
    blockSize: raw.block_size,
    fragmentCount: raw.fragments,
    idCount: raw.no_ids,
    rootReference: raw.root_inode,
    end,
    idTable: within("id_table_start", raw.id_table_start),
    inodeTable: within("inode_table_start", raw.inode_table_start),
    directoryTable: within("directory_table_start", raw.directory_table_start),
    fragmentTable:
      raw.fragments === 0 ? 0 : within("fragment_table_start", raw.fragment_table_start),
  };
}
