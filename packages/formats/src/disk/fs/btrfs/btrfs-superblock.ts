import type { BlockReader } from "../../block-reader.ts";
import { diskError } from "../../disk-error.ts";
import { readBytes } from "../../read-bytes.ts";
import { StructTable } from "../../struct-table.ts";
import { type BtrfsChecksum, CHECKSUM_ROOM, checksums, isSummed } from "./btrfs-checksum.ts";
import { damaged, unsupported } from "./btrfs-error.ts";

/** Linux 6.12, include/uapi/linux/btrfs_tree.h, `struct btrfs_super_block`. */
const SUPERBLOCK = new StructTable("btrfs_super_block", "little", 4096, {
  fsid: [0x20, 16],
  bytenr: [0x30, "u64"],
  magic: [0x40, 8],
  generation: [0x48, "u64"],
  root: [0x50, "u64"],
  chunk_root: [0x58, "u64"],
  log_root: [0x60, "u64"],
  root_dir_objectid: [0x80, "u64"],
  num_devices: [0x88, "u64"],
  sectorsize: [0x90, "u32"],
  nodesize: [0x94, "u32"],
  sys_chunk_array_size: [0xa0, "u32"],
  chunk_root_generation: [0xa4, "u64"],
  incompat_flags: [0xbc, "u64"],
  csum_type: [0xc4, "u16"],
  root_level: [0xc6, "u8"],
  chunk_root_level: [0xc7, "u8"],
  devid: [0xc9, "u64"], // of dev_item
  label: [0x12b, 256],
  metadata_uuid: [0x23b, 16],
  sys_chunk_array: [0x32b, 2048],
});

/** `btrfs_sb_offset`: the first, and its mirrors as far as the volume reaches. */
const PLACES = [2 ** 16, 2 ** 26, 2 ** 38] as const;
const MAGIC = "_BHRfS_M";
const MIN_SECTOR_BYTES = 4096;
const MAX_NODE_BYTES = 65_536;

/** `BTRFS_FEATURE_INCOMPAT_*`: those that change nothing here, or what is checked where it is met. */
const INCOMPAT = {
  mixedBackref: 0x1n,
  defaultSubvol: 0x2n,
  mixedGroups: 0x4n,
  compressLzo: 0x8n,
  compressZstd: 0x10n,
  bigMetadata: 0x20n,
  extendedIref: 0x40n,
  raid56: 0x80n,
  skinnyMetadata: 0x100n,
  noHoles: 0x200n,
  metadataUuid: 0x400n,
  raid1c34: 0x800n,
  simpleQuota: 0x1_0000n,
} as const;
const KNOWN_INCOMPAT = Object.values(INCOMPAT).reduce((all, bit) => all | bit, 0n);

/** Where the root of a tree is, and what its header has to say. */
export interface TreeRoot {
  /** The tree's own number. */
  readonly id: number;
  /** A logical address in bytes. */
  readonly bytenr: number;
  readonly level: number;
  readonly generation: number;
}

/** The shape of a btrfs file system. */
export interface BtrfsSuperblock {
  readonly label: string;
  readonly uuid: string;
  /** What headers of tree blocks have: `fsid`, or what it was before it was changed. */
  readonly metadataUuid: Buffer;
  readonly checksum: BtrfsChecksum;
  /** The log tree was not replayed: what was fsynced last is in it alone. */
  readonly hasLog: boolean;
  readonly sectorSize: number;
  readonly nodeSize: number;
  readonly rootTree: TreeRoot;
  readonly chunkTree: TreeRoot;
  readonly rootDirectory: number;
  readonly deviceId: bigint;
  readonly systemChunks: Buffer;
}

type RawSuperblock = ReturnType<typeof SUPERBLOCK.parse>;

/**
 * Reads the superblock, or the newest of its mirrors where it is damaged. Throws `disk/unknown-format`,
 * `disk/damaged`, `disk/unsupported`, `disk/truncated`.
 */
export function readBtrfsSuperblock(volume: BlockReader): BtrfsSuperblock {
  const { raw, checksum } = findSuperblock(volume);
  const { sectorsize: sectorSize, nodesize: nodeSize, num_devices: devices } = raw;
  const unknown = raw.incompat_flags & ~KNOWN_INCOMPAT;
  if (unknown !== 0n)
    throw unsupported("the superblock", `features 0x${unknown.toString(16)}`, "none");
  if (devices !== 1n) throw unsupported("the chunks", `they are on ${devices} devices`, "one");
  verify("sectorsize", isPowerOfTwo(sectorSize, MIN_SECTOR_BYTES, MAX_NODE_BYTES), sectorSize);
  verify("nodesize", isPowerOfTwo(nodeSize, sectorSize, MAX_NODE_BYTES), nodeSize);
  const systemBytes = raw.sys_chunk_array_size;
  verify("sys_chunk_array_size", systemBytes <= raw.sys_chunk_array.length, systemBytes);
  const fsid = Buffer.from(raw.fsid);
  const hasMetadataUuid = (raw.incompat_flags & INCOMPAT.metadataUuid) !== 0n;
  return {
    label: Buffer.from(raw.label).toString("utf8").replace(/\0.*$/s, ""),
    uuid: fsid.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-"),
    metadataUuid: hasMetadataUuid ? Buffer.from(raw.metadata_uuid) : fsid,
    checksum,
    hasLog: raw.log_root !== 0n,
    sectorSize,
    nodeSize,
    rootTree: {
      id: 1,
      bytenr: toNumber("root", raw.root),
      level: raw.root_level,
      generation: toNumber("generation", raw.generation),
    },
    chunkTree: {
      id: 3,
      bytenr: toNumber("chunk_root", raw.chunk_root),
      level: raw.chunk_root_level,
      generation: toNumber("chunk_root_generation", raw.chunk_root_generation),
    },
    rootDirectory: toNumber("root_dir_objectid", raw.root_dir_objectid),
    deviceId: raw.devid,
    systemChunks: Buffer.from(raw.sys_chunk_array).subarray(0, systemBytes),
  };
}

interface Candidate {
  readonly raw: RawSuperblock;
  readonly checksum: BtrfsChecksum;
}

/** The first one where it is sound, as the kernel has it; else the newest that is. */
function findSuperblock(volume: BlockReader): Candidate {
  let newest: Candidate | undefined;
  let failure: unknown;
  for (const place of PLACES) {
    if (place + SUPERBLOCK.size > volume.size) break;
    const bytes = readBytes(volume, place, SUPERBLOCK.size, "a btrfs superblock");
    try {
      const candidate = parseSuperblock(bytes, place);
      if (candidate === undefined) continue;
      if (newest === undefined || candidate.raw.generation > newest.raw.generation)
        newest = candidate;
    } catch (error) {
      failure ??= error;
      continue;
    }
    if (place === PLACES[0]) break;
  }
  if (newest !== undefined) return newest;
  if (failure !== undefined) throw failure;
  const seen = "no superblock is there";
  throw diskError("disk/unknown-format", "read a btrfs file system", { seen, needed: MAGIC });
}

/** `undefined` where there is none. Throws `disk/damaged`, `disk/unsupported`. */
function parseSuperblock(bytes: Buffer, place: number): Candidate | undefined {
  const raw = SUPERBLOCK.parse(bytes);
  if (Buffer.from(raw.magic).toString("latin1") !== MAGIC) return undefined;
  const checksum = checksums[raw.csum_type];
  if (checksum === undefined)
    throw unsupported("the superblock", `checksum type ${raw.csum_type}`, "0 to 3");
  if (!isSummed(checksum, bytes.subarray(CHECKSUM_ROOM), bytes, 0))
    throw damaged("the superblock", `another ${checksum.name} checksum`, "its own");
  if (raw.bytenr !== BigInt(place))
    throw damaged("the superblock", `the one of byte ${raw.bytenr}`, `of byte ${place}`);
  return { raw, checksum };
}

const isPowerOfTwo = (value: number, least: number, most: number): boolean =>
  value >= least && value <= most && (value & (value - 1)) === 0;

function toNumber(field: string, value: bigint): number {
  verify(field, value <= BigInt(Number.MAX_SAFE_INTEGER), value);
  return Number(value);
}

function verify(field: string, holds: boolean, seen: number | bigint): void {
  if (!holds) throw damaged("the superblock", `${field} ${seen}`, "one that can be");
}
