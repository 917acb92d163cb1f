import { crc32c } from "../../../crc32c.ts";
import type { BlockReader } from "../../block-reader.ts";
import { diskError } from "../../disk-error.ts";
import { readBytes } from "../../read-bytes.ts";
import { StructTable } from "../../struct-table.ts";
import { crc16 } from "./crc16.ts";
import { damaged, unsupported } from "./ext4-error.ts";

/** Linux 6.12, fs/ext4/ext4.h, `struct ext4_super_block`, without its `s_` where all have it. */
const SUPERBLOCK = new StructTable("ext4_super_block", "little", 1024, {
  s_inodes_count: [0x00, "u32"],
  s_blocks_count_lo: [0x04, "u32"],
  s_first_data_block: [0x14, "u32"],
  s_log_block_size: [0x18, "u32"],
  s_blocks_per_group: [0x20, "u32"],
  s_inodes_per_group: [0x28, "u32"],
  s_magic: [0x38, "u16"],
  s_state: [0x3a, "u16"],
  s_rev_level: [0x4c, "u32"],
  s_inode_size: [0x58, "u16"],
  s_feature_compat: [0x5c, "u32"],
  s_feature_incompat: [0x60, "u32"],
  s_feature_ro_compat: [0x64, "u32"],
  s_uuid: [0x68, 16],
  s_volume_name: [0x78, 16],
  s_journal_inum: [0xe0, "u32"],
  s_desc_size: [0xfe, "u16"],
  s_first_meta_bg: [0x104, "u32"],
  s_blocks_count_hi: [0x150, "u32"],
  s_checksum_type: [0x175, "u8"],
  s_checksum_seed: [0x270, "u32"],
  s_checksum: [0x3fc, "u32"],
});

const SUPERBLOCK_AT = 1024;
const EXT4_MAGIC = 0xef53;
const CHECKSUM_AT = 0x3fc;
const CHECKSUM_CRC32C = 1;
const VALID_FS = 1;
const MAX_LOG_BLOCK_SIZE = 6; // 64 KiB
const REV_0_INODE_SIZE = 128;

const COMPAT_HAS_JOURNAL = 0x4;
const COMPAT_DIR_INDEX = 0x20;
const RO_COMPAT_GDT_CSUM = 0x10;
const RO_COMPAT_METADATA_CSUM = 0x400;
const INCOMPAT = {
  filetype: 0x2,
  recover: 0x4,
  metaBg: 0x10,
  extents: 0x40,
  "64bit": 0x80,
  mmp: 0x100,
  flexBg: 0x200,
  eaInode: 0x400,
  csumSeed: 0x2000,
  largedir: 0x4000,
  inlineData: 0x8000,
  encrypt: 0x1_0000,
  casefold: 0x2_0000,
} as const;
const KNOWN_INCOMPAT = Object.values(INCOMPAT).reduce((all, bit) => all | bit, 0);

/** The shape of an ext2, ext3 or ext4 file system. */
export interface Ext4Superblock {
  readonly type: "ext2" | "ext3" | "ext4";
  readonly label: string;
  readonly uuid: string;
  /** What is newest may be in the journal alone. */
  readonly needsRecovery: boolean;
  /** The inode that has the journal; 0 where another device has it, `undefined` where there is none. */
  readonly journalInode: number | undefined;
  /** Nobody unmounted it, and there is no journal to replay. */
  readonly wasInUse: boolean;
  readonly blockSize: number;
  readonly blockCount: number;
  readonly firstDataBlock: number;
  readonly blocksPerGroup: number;
  readonly inodeCount: number;
  readonly inodesPerGroup: number;
  readonly inodeSize: number;
  readonly descriptorSize: number;
  readonly groupCount: number;
  readonly hasFileTypes: boolean;
  /** Directories may be hashed. */
  readonly hasIndexes: boolean;
  /** The first group whose descriptors are in it; `Infinity` without meta_bg. */
  readonly firstMetaGroup: number;
  /** What checksums of metadata begin with; `undefined` where there are none. */
  readonly checksumSeed: number | undefined;
  /** What checksums of group descriptors begin with where they are of 16 bits (gdt_csum). */
  readonly descriptorSeed: number | undefined;
}

/** Reads and verifies the superblock. Throws `disk/unknown-format`, `disk/damaged`, `disk/unsupported`. */
export function readExt4Superblock(volume: BlockReader): Ext4Superblock {
  const bytes = readBytes(volume, SUPERBLOCK_AT, SUPERBLOCK.size, "an ext superblock");
  const raw = SUPERBLOCK.parse(bytes);
  if (raw.s_magic !== EXT4_MAGIC) {
    const seen = `magic 0x${raw.s_magic.toString(16)}`;
    throw diskError("disk/unknown-format", "read an ext file system", { seen, needed: "0xef53" });
  }
  const incompat = raw.s_feature_incompat;
  const has = (feature: keyof typeof INCOMPAT) => (incompat & INCOMPAT[feature]) !== 0;
  const unknown = (incompat & ~KNOWN_INCOMPAT) >>> 0;
  if (unknown !== 0)
    throw unsupported("the superblock", `features 0x${unknown.toString(16)}`, "none");
  const hasChecksums = (raw.s_feature_ro_compat & RO_COMPAT_METADATA_CSUM) !== 0;
  if (hasChecksums) verifyChecksum(bytes, raw.s_checksum_type, raw.s_checksum);
  const blockSize = 1024 * 2 ** Math.min(raw.s_log_block_size, MAX_LOG_BLOCK_SIZE);
  const inodeSize = raw.s_rev_level === 0 ? REV_0_INODE_SIZE : raw.s_inode_size;
  const descriptorSize = has("64bit") ? raw.s_desc_size : 32;
  const blockCount = raw.s_blocks_count_lo + (has("64bit") ? raw.s_blocks_count_hi * 2 ** 32 : 0);
  const { s_blocks_per_group: blocksPerGroup, s_inodes_per_group: inodesPerGroup } = raw;
  verify("s_log_block_size", raw.s_log_block_size <= MAX_LOG_BLOCK_SIZE, raw.s_log_block_size);
  verify("s_inode_size", isPowerOfTwo(inodeSize, REV_0_INODE_SIZE, blockSize), inodeSize);
  verify("s_desc_size", isPowerOfTwo(descriptorSize, 32, 1024), descriptorSize);
  verify("s_blocks_per_group", isCount(blocksPerGroup, 8 * blockSize * 65_536), blocksPerGroup);
  verify("s_inodes_per_group", isCount(inodesPerGroup, 8 * blockSize), inodesPerGroup);
  verify("s_first_data_block", raw.s_first_data_block < blockCount, raw.s_first_data_block);
  verify("s_blocks_count", blockCount * blockSize <= Number.MAX_SAFE_INTEGER, blockCount);
  const isExt4Kind = hasChecksums || (incompat & (INCOMPAT.extents | INCOMPAT["64bit"])) !== 0;
  const hasJournal = (raw.s_feature_compat & COMPAT_HAS_JOURNAL) !== 0;
  const uuid = Buffer.from(raw.s_uuid);
  const ownSeed = () => crc32c(0xffff_ffff, uuid);
  return {
    type: isExt4Kind ? "ext4" : hasJournal ? "ext3" : "ext2",
    label: Buffer.from(raw.s_volume_name).toString("utf8").replace(/\0.*$/s, ""),
    uuid: uuid.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-"),
    needsRecovery: has("recover"),
    journalInode: hasJournal ? raw.s_journal_inum : undefined,
    wasInUse: !hasJournal && (raw.s_state & VALID_FS) === 0,
    blockSize,
    blockCount,
    firstDataBlock: raw.s_first_data_block,
    blocksPerGroup,
    inodeCount: raw.s_inodes_count,
    inodesPerGroup,
    inodeSize,
    descriptorSize,
    groupCount: Math.ceil((blockCount - raw.s_first_data_block) / blocksPerGroup),
    hasFileTypes: has("filetype"),
    hasIndexes: (raw.s_feature_compat & COMPAT_DIR_INDEX) !== 0,
    firstMetaGroup: has("metaBg")
      ? raw.s_first_meta_bg * (blockSize / descriptorSize)
      : Number.POSITIVE_INFINITY,
    checksumSeed: hasChecksums ? (has("csumSeed") ? raw.s_checksum_seed : ownSeed()) : undefined,
    descriptorSeed:
      !hasChecksums && (raw.s_feature_ro_compat & RO_COMPAT_GDT_CSUM) !== 0
        ? crc16(0xffff, uuid)
        : undefined,
  };
}

function verifyChecksum(bytes: Uint8Array, type: number, stored: number): void {
  if (type !== CHECKSUM_CRC32C) throw unsupported("the superblock", `checksum type ${type}`, "1");
  const seen = crc32c(0xffff_ffff, bytes.subarray(0, CHECKSUM_AT));
  if (seen !== stored) {
    throw damaged("the superblock", `checksum 0x${seen.toString(16)}`, `0x${stored.toString(16)}`);
  }
}

const isPowerOfTwo = (value: number, least: number, most: number): boolean =>
  value >= least && value <= most && (value & (value - 1)) === 0;

const isCount = (value: number, most: number): boolean => value > 0 && value <= most;

function verify(field: string, holds: boolean, seen: number): void {
  if (!holds) throw damaged("the superblock", `${field} ${seen}`, "one that can be");
}
