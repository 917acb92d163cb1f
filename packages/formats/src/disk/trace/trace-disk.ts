import type { BlockReader } from "../block-reader.ts";
import { noteRead } from "./trace-reads.ts";

/**
 * A disk whose reads are noted for whoever traces.
 *
 * @param base where it begins among all disks of its system, in bytes.
 */
export function traceDisk(disk: BlockReader, base: number): BlockReader {
  return {
    size: disk.size,
    read(offset, target) {
      noteRead(base + offset, base + offset + target.length);
      disk.read(offset, target);
    },
  };
}
