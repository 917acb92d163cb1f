import type { BlockReader } from "../../block-reader.ts";
import { diskError } from "../../disk-error.ts";
import { readBytes } from "../../read-bytes.ts";
import { StructTable } from "../../struct-table.ts";
import { verifyChecksum } from "./xfs-checksum.ts";
import { damaged, unsupported } from "./xfs-error.ts";

/** Linux 6.12, fs/xfs/libxfs/xfs_format.h, `struct xfs_dsb`. */
const SUPERBLOCK = new StructTable("xfs_dsb", "big", 264, {
  sb_magicnum: [0, "u32"],
  sb_blocksize: [4, "u32"],
  sb_dblocks: [8, "u64"],
  sb_uuid: [32, 16],
  sb_logstart: [48, "u64"],
  sb_rootino: [56, "u64"],
  sb_agblocks: [84, "u32"],
  sb_agcount: [88, "u32"],
  sb_logblocks: [96, "u32"],
  sb_versionnum: [100, "u16"],
  sb_sectsize: [102, "u16"],
  sb_inodesize: [104, "u16"],
  sb_inopblock: [106, "u16"],
  sb_fname: [108, 12],
  sb_blocklog: [120, "u8"],
  sb_inopblog: [123, "u8"],
  sb_agblklog: [124, "u8"],
  sb_inprogress: [126, "u8"],
  sb_dirblklog: [192, "u8"],
  sb_features2: [200, "u32"],
  sb_bad_features2: [204, "u32"],
  sb_features_incompat: [216, "u32"],
  sb_meta_uuid: [248, 16],
});

const XFS_MAGIC = 0x5846_5342; // "XFSB"
const CHECKSUM_AT = 224;
const MIN_BLOCK = 512;
const MAX_BLOCK = 65_536;
const MIN_SECTOR = 512;
const MAX_SECTOR = 32_768;
const MIN_INODE = 256;
const MIN_INODE_V5 = 512;
const MAX_INODE = 2048;
const MAX_AG_BYTES = 2 ** 40;
/** A group begins with superblock, AGF, AGI and AGFL: a sector each. */
const AG_HEADER_SECTORS = 4;

/** `XFS_SB_VERSION_*`: what version 4 has instead of features. */
const VERSION_MASK = 0xf;
const VERSION_BITS = { shared: 0x200, dirV2: 0x2000, moreBits: 0x8000 } as const;
/** `XFS_SB_VERSION2_*`: lazysbcount, attr2, projid32bit, crc, ftype. */
const KNOWN_FEATURES2 = 0x2 | 0x8 | 0x80 | 0x100 | 0x200;
const FEATURES2_FTYPE = 0x200;
/**
 * `XFS_SB_FEAT_INCOMPAT_*`. Features that are compatible for reading (free inode, reverse mapping and
 * reference count trees) are of no account here: none of those trees leads to a file.
 */
const INCOMPAT = {
  ftype: 0x1,
  sparseInodes: 0x2,
  metaUuid: 0x4,
  bigTime: 0x8,
  needsRepair: 0x10,
  nrext64: 0x20,
  exchangeRange: 0x40,
  parent: 0x80,
} as const;
const KNOWN_INCOMPAT = Object.values(INCOMPAT).reduce((all, bit) => all | bit, 0);

/** The shape of an XFS file system. */
export interface XfsSuperblock {
  readonly label: string;
  readonly uuid: string;
  /** Metadata have checksums and say whose they are. */
  readonly isV5: boolean;
  /** What each block of metadata says it belongs to; in version 5. */
  readonly metaUuid: Buffer;
  /** `xfs_repair` was told to mend it, or did not end. */
  readonly needsRepair: boolean;
  readonly blockSize: number;
  readonly blockCount: number;
  readonly inodeSize: number;
  /** Inode number: group, then block in it, then so many bits for the inode in the block. */
  readonly inodesPerBlockLog: number;
  /** Block number: group, then so many bits for the block in it. */
  readonly groupBlocksLog: number;
  /** Blocks in a group; the last may have fewer. */
  readonly groupBlocks: number;
  readonly groupCount: number;
  /** Blocks at the start of each group that are never a file's. */
  readonly groupHeaderBlocks: number;
  /** In bytes. */
  readonly directoryBlockSize: number;
  readonly hasFileTypes: boolean;
  readonly rootInode: number;
  /** A block number as the file system has it; `undefined` where the log is on another device. */
  readonly logStart: number | undefined;
  readonly logBlocks: number;
}

/** Reads and verifies the superblock. Throws `disk/unknown-format`, `disk/damaged`, `disk/unsupported`. */
export function readXfsSuperblock(volume: BlockReader): XfsSuperblock {
  const raw = SUPERBLOCK.parse(readBytes(volume, 0, SUPERBLOCK.size, "an XFS superblock"));
  if (raw.sb_magicnum !== XFS_MAGIC) {
    const seen = `magic 0x${raw.sb_magicnum.toString(16)}`;
    throw diskError("disk/unknown-format", "read an XFS file system", { seen, needed: "XFSB" });
  }
  const version = raw.sb_versionnum & VERSION_MASK;
  if (version !== 4 && version !== 5) {
    throw unsupported("the superblock", `version ${version}`, "4 or 5");
  }
  const isV5 = version === 5;
  const { sb_sectsize: sectorSize, sb_blocksize: blockSize, sb_inodesize: inodeSize } = raw;
  verify("sb_sectsize", isPowerOfTwo(sectorSize, MIN_SECTOR, MAX_SECTOR), sectorSize);
  if (isV5) {
    const sector = readBytes(volume, 0, sectorSize, "an XFS superblock");
    verifyChecksum(sector, CHECKSUM_AT, "the superblock");
  } else {
    verifyV4Features(raw.sb_versionnum, raw.sb_features2 | raw.sb_bad_features2);
  }
  const incompat = isV5 ? raw.sb_features_incompat : 0;
  const has = (feature: keyof typeof INCOMPAT) => (incompat & INCOMPAT[feature]) !== 0;
  const unknown = (incompat & ~KNOWN_INCOMPAT) >>> 0;
  if (unknown !== 0) {
    throw unsupported("the superblock", `features 0x${unknown.toString(16)}`, "none");
  }
  const { sb_agblocks: groupBlocks, sb_agcount: groupCount } = raw;
  const blockCount = Number(raw.sb_dblocks);
  const directoryBlockSize = blockSize * 2 ** raw.sb_dirblklog;
  const leastInode = isV5 ? MIN_INODE_V5 : MIN_INODE;
  const mostInode = Math.min(MAX_INODE, blockSize);
  verify("sb_blocksize", isPowerOfTwo(blockSize, MIN_BLOCK, MAX_BLOCK), blockSize);
  verify("sb_blocklog", 2 ** raw.sb_blocklog === blockSize, raw.sb_blocklog);
  verify("sb_inodesize", isPowerOfTwo(inodeSize, leastInode, mostInode), inodeSize);
  verify("sb_inopblock", raw.sb_inopblock === blockSize / inodeSize, raw.sb_inopblock);
  verify("sb_inopblog", 2 ** raw.sb_inopblog === raw.sb_inopblock, raw.sb_inopblog);
  verify("sb_agblocks", isCount(groupBlocks, MAX_AG_BYTES / blockSize), groupBlocks);
  verify("sb_agblklog", Math.ceil(Math.log2(groupBlocks)) === raw.sb_agblklog, raw.sb_agblklog);
  verify("sb_agcount", Math.ceil(blockCount / groupBlocks) === groupCount, groupCount);
  verify("sb_dblocks", isCount(blockCount, Number.MAX_SAFE_INTEGER / blockSize), blockCount);
  verify("sb_dirblklog", directoryBlockSize <= MAX_BLOCK, raw.sb_dirblklog);
  verify("sb_inprogress", raw.sb_inprogress === 0, raw.sb_inprogress);
  const uuid = Buffer.from(raw.sb_uuid);
  const features2 = raw.sb_features2 | raw.sb_bad_features2;
  return {
    label: Buffer.from(raw.sb_fname).toString("utf8").replace(/\0.*$/s, ""),
    uuid: uuid.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-"),
    isV5,
    metaUuid: has("metaUuid") ? Buffer.from(raw.sb_meta_uuid) : uuid,
    needsRepair: has("needsRepair"),
    blockSize,
    blockCount,
    inodeSize,
    inodesPerBlockLog: raw.sb_inopblog,
    groupBlocksLog: raw.sb_agblklog,
    groupBlocks,
    groupCount,
    groupHeaderBlocks: Math.ceil((AG_HEADER_SECTORS * sectorSize) / blockSize),
    directoryBlockSize,
    hasFileTypes: isV5 ? has("ftype") : (features2 & FEATURES2_FTYPE) !== 0,
    rootInode: Number(raw.sb_rootino),
    logStart: raw.sb_logstart === 0n ? undefined : Number(raw.sb_logstart),
    logBlocks: raw.sb_logblocks,
  };
}

/** @param features2 both fields of it: older kernels wrote it into the wrong one. */
function verifyV4Features(versionNumber: number, features2: number): void {
  const what = "the superblock";
  const seen = `version 0x${versionNumber.toString(16)}`;
  if ((versionNumber & VERSION_BITS.dirV2) === 0) {
    throw unsupported(what, seen, "directories of version 2");
  }
  if ((versionNumber & VERSION_BITS.shared) !== 0) throw unsupported(what, seen, "none shared");
  const unknown = (features2 & ~KNOWN_FEATURES2) >>> 0;
  if ((versionNumber & VERSION_BITS.moreBits) === 0 || unknown === 0) return;
  throw unsupported(what, `features 0x${unknown.toString(16)}`, "none");
}

const isPowerOfTwo = (value: number, least: number, most: number): boolean =>
  value >= least && value <= most && (value & (value - 1)) === 0;

const isCount = (value: number, most: number): boolean => value > 0 && value <= most;

function verify(field: string, holds: boolean, seen: number): void {
  if (!holds) throw damaged("the superblock", `${field} ${seen}`, "one that can be");
}
