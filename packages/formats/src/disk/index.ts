export type { BlockReader } from "./block-reader.ts";
export { BytesReader } from "./bytes-reader.ts";
export { type BtrfsOptions, openBtrfs } from "./fs/btrfs/open-btrfs.ts";
export {
  Ext4Layout,
  type PlacedBlocks,
  type PlacedInode,
  type PlacedRun,
} from "./fs/ext4/ext4-layout.ts";
export type { DirectoryEntry, FileNode, FileStat, FileType } from "./fs/file-node.ts";
export { FileSystem, type JournalState, type Volume } from "./fs/file-system.ts";
export type { WalkedFile } from "./fs/walk-tree.ts";
export { identifyVolume, type VolumeKind } from "./identify-volume.ts";
export {
  guessImageFormat,
  type ImageFormat,
  type ImageLayer,
  openImageChain,
} from "./image/open-image.ts";
export type { Qcow2Header } from "./image/qcow2/qcow2-header.ts";
export { Qcow2Image, type Qcow2Options, type Qcow2Run } from "./image/qcow2/qcow2-image.ts";
export type { Qcow2Snapshot } from "./image/qcow2/qcow2-snapshots.ts";
export { formatLuksHeader, type LuksHeader, readLuksHeader } from "./luks/luks-header.ts";
export { openLuks } from "./luks/open-luks.ts";
export type { LuksKey } from "./luks/unlock-luks.ts";
export { openFileSystem } from "./open-file-system.ts";
export {
  openPartition,
  type Partition,
  type PartitionTable,
  readPartitionTable,
} from "./partition/partition-table.ts";
export { readBytes } from "./read-bytes.ts";
export { ReadTrace, sortSpans } from "./trace/read-trace.ts";
export { traceDisk } from "./trace/trace-disk.ts";
export { traceApart, traceReads } from "./trace/trace-reads.ts";
export { formatVolumeOrigin, type VolumeOrigin } from "./volume-origin.ts";
export { type DiskVolume, type WalkOptions, walkVolumes } from "./walk-volumes.ts";
