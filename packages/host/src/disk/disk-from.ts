import { type BlockReader, openImageChain } from "@casemate/formats/disk";
import type { DiskDescription } from "./disk-description.ts";
import { FileReader } from "./file-reader.ts";

/**
 * Reads the disk that `openVmDisks` described, by descriptors this process holds and the caller closes.
 * Throws `disk/*`.
 */
export function diskFrom({ name, layers }: DiskDescription, fds: readonly number[]): BlockReader {
  return openImageChain(
    layers.map(({ format, file }) => ({ format, file: new FileReader(fds[file] ?? -1, name) })),
  );
}
