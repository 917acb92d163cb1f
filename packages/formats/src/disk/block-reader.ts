/**
 * Bytes at numbered places: a disk image's file, the disk that it holds, a partition, a file in a file
 * system. Each is read through the one below it, and none is ever held whole.
 *
 * Reads are synchronous and fill the caller's own bytes: a read that goes through five formats ends as one
 * `pread` of the file, with nothing copied on its way.
 */
export interface BlockReader {
  /** In bytes. */
  readonly size: number;
  /**
   * Fills `target` from byte `offset` on, all of it within `size`. Throws `disk/truncated` where the bytes
   * should be and are not, `disk/damaged`, and what its I/O throws; `target` then holds anything.
   */
  read(offset: number, target: Uint8Array): void;
}
