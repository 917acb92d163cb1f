import type { BlockReader } from "./block-reader.ts";
import { diskError } from "./disk-error.ts";
import { openBtrfs } from "./fs/btrfs/open-btrfs.ts";
import { openExt4 } from "./fs/ext4/open-ext4.ts";
import { openFat } from "./fs/fat/open-fat.ts";
import type { FileSystem } from "./fs/file-system.ts";
import { openSquashfs } from "./fs/squashfs/open-squashfs.ts";
import { openXfs } from "./fs/xfs/open-xfs.ts";
import { identifyVolume } from "./identify-volume.ts";
import { formatLuksHeader, readLuksHeader } from "./luks/luks-header.ts";
import { traceFact } from "./trace/trace-reads.ts";

/**
 * Opens whichever file system a volume holds. Throws `disk/unknown-format` where it holds none that is read
 * here, `disk/encrypted` for LUKS, `disk/damaged`, `disk/unsupported`, `disk/truncated`.
 */
export function openFileSystem(volume: BlockReader): FileSystem {
  const kind = traceFact(() => identifyVolume(volume));
  if (kind === "ext") return openExt4(volume);
  if (kind === "xfs") return openXfs(volume);
  if (kind === "btrfs") return openBtrfs(volume);
  if (kind === "vfat") return openFat(volume);
  if (kind === "squashfs") return openSquashfs(volume);
  if (kind === "crypto_LUKS") {
    const seen = `it is encrypted (${formatLuksHeader(readLuksHeader(volume))})`;
    throw diskError("disk/encrypted", "open a file system", { seen, needed: "it in clear" });
  }
  const seen = kind === undefined ? "no known magic number is there" : `it is ${kind}`;
  throw diskError("disk/unknown-format", "open a file system", {
    seen,
    needed: "ext2, ext3, ext4, XFS, btrfs, FAT or squashfs",
  });
}
