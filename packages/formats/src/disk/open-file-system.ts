import type { BlockReader } from "./block-reader.ts";
import { diskError } from "./disk-error.ts";
import { openExt4 } from "./fs/ext4/open-ext4.ts";
import type { FileSystem } from "./fs/file-system.ts";
import { identifyVolume } from "./identify-volume.ts";

/**
 * Opens whichever file system a volume holds. Throws `disk/unknown-format` where it holds none that is read
 * here, `disk/encrypted` for LUKS, `disk/damaged`, `disk/unsupported`, `disk/truncated`.
 */
export function openFileSystem(volume: BlockReader): FileSystem {
  const kind = identifyVolume(volume);
  if (kind === "ext") return openExt4(volume);
  if (kind === "crypto_LUKS") {
    const seen = "it is encrypted (LUKS)";
    throw diskError("disk/encrypted", "open a file system", { seen, needed: "it in clear" });
  }
  const seen = kind === undefined ? "no known magic number is there" : `it is ${kind}`;
  throw diskError("disk/unknown-format", "open a file system", {
    seen,
    needed: "ext2, ext3 or ext4",
  });
}
