import type { BlockReader } from "../block-reader.ts";
import { diskError } from "../disk-error.ts";
import type { LuksKey } from "../luks/unlock-luks.ts";
import { readBytes } from "../read-bytes.ts";
import { isQcow2 } from "./qcow2/qcow2-header.ts";
import { Qcow2Image } from "./qcow2/qcow2-image.ts";

/** Formats of disk images that are read here, as QEMU names them. */
export type ImageFormat = "raw" | "qcow2";

/** A file of an image chain. */
export interface ImageLayer {
  readonly file: BlockReader;
  /** To be told, not guessed: a guest can write the first bytes of a raw disk, and so make it look as another. */
  readonly format: ImageFormat;
  readonly dataFile?: BlockReader | undefined;
  /** What opens it where it is encrypted (qcow2 with LUKS). */
  readonly key?: LuksKey | undefined;
  /** Id or name of an internal snapshot to read instead of the disk as it is now. */
  readonly snapshot?: string | undefined;
}

/** QEMU refuses none, but nobody means more. */
const MAX_LAYERS = 256;

/** Opens a chain of images, the one that all others are below first. Throws `disk/*`. */
export function openImageChain(layers: readonly ImageLayer[]): BlockReader {
  let disk: BlockReader | undefined;
  for (const { file, format, ...options } of layers.slice(0, MAX_LAYERS + 1).toReversed()) {
    if (format === "raw" && options.snapshot !== undefined)
      throw withoutSnapshots(options.snapshot);
    disk = format === "raw" ? file : new Qcow2Image(file, { backing: disk, ...options });
  }
  if (disk !== undefined && layers.length <= MAX_LAYERS) return disk;
  const seen = `${layers.length} layers`;
  throw diskError("disk/unsupported", "open a disk image", { seen, needed: `1 to ${MAX_LAYERS}` });
}

/** The format of an image that nobody has told: for files that no guest writes to as they are. */
export function guessImageFormat(file: BlockReader): ImageFormat {
  return isQcow2(readBytes(file, 0, Math.min(8, file.size), "an image")) ? "qcow2" : "raw";
}

function withoutSnapshots(snapshot: string) {
  const seen = `it is no qcow2 image, and has no snapshot ${JSON.stringify(snapshot)}`;
  return diskError("disk/not-found", "open a disk image", { seen, needed: "one with snapshots" });
}
