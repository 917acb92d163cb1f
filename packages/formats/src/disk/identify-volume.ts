import type { BlockReader } from "./block-reader.ts";
import { readBytes } from "./read-bytes.ts";

/** What a partition or a whole disk may hold, as `blkid` names it. */
export type VolumeKind =
  | "ext"
  | "xfs"
  | "btrfs"
  | "vfat"
  | "ntfs"
  | "squashfs"
  | "iso9660"
  | "swap"
  | "LVM2_member"
  | "linux_raid_member"
  | "crypto_LUKS";

/** Where each kind has its magic number, in bytes from its start (libblkid's superblock probes). */
const SIGNATURES: readonly (readonly [kind: VolumeKind, at: number, magic: string])[] = [
  ["crypto_LUKS", 0, "LUKS\xba\xbe"],
  ["LVM2_member", 536, "LVM2 001"],
  ["LVM2_member", 24, "LVM2 001"],
  ["LVM2_member", 1048, "LVM2 001"],
  ["LVM2_member", 1560, "LVM2 001"],
  ["linux_raid_member", 4096, "\xfc\x4e\x2b\xa9"],
  ["xfs", 0, "XFSB"],
  ["squashfs", 0, "hsqs"],
  ["swap", 4086, "SWAPSPACE2"],
  ["swap", 4086, "SWAP-SPACE"],
  ["btrfs", 65_600, "_BHRfS_M"],
  ["iso9660", 32_769, "CD001"],
  ["ext", 1080, "\x53\xef"],
  ["ntfs", 3, "NTFS    "],
  ["vfat", 82, "FAT32   "],
  ["vfat", 54, "FAT16   "],
  ["vfat", 54, "FAT12   "],
];

/** What a volume holds by its magic number; `undefined` where none is known. It may still be damaged. */
export function identifyVolume(volume: BlockReader): VolumeKind | undefined {
  for (const [kind, at, magic] of SIGNATURES) {
    if (at + magic.length > volume.size) continue;
    if (readBytes(volume, at, magic.length, "a volume").toString("latin1") === magic) return kind;
  }
  return undefined;
}
