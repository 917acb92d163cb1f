import type { BlockReader } from "../../block-reader.ts";
import type { FileSystem } from "../file-system.ts";
import { Ext4Layout } from "./ext4-layout.ts";

/**
 * Opens an ext2, ext3 or ext4 file system (Linux 6.12, Documentation/filesystems/ext4), read-only.
 *
 * Bounds and, where it has them, checksums of metadata are verified. What its journal has and a mount would
 * write is read from there; `volume.journal` tells what became of it.
 * Throws `disk/unknown-format`, `disk/damaged`, `disk/unsupported`, `disk/truncated`.
 */
export function openExt4(reader: BlockReader): FileSystem {
  return new Ext4Layout(reader).files;
}
