import { isBzImage, parseBzImage } from "./bz-image.ts";
import { expandPayload } from "./expand-payload.ts";

/**
 * The ELF file of a kernel, out of a bzImage or as it is; takes 0.2 to 3 s and up to 250 MiB while it runs.
 * HOSTILE. Throws `disk/unsupported`.
 */
export function unpackKernel(file: Buffer): Buffer {
  return isBzImage(file) ? expandPayload(parseBzImage(file)) : file;
}
