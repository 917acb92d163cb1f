/**
 * Files on a guest's own disks, as the host reads them past the guest.
 *
 * HOSTILE: whoever owns the guest owns them too; what they are good for is to disagree with memory.
 */
export interface GuestFiles {
  /** The ELF image of the kernel with this build-id (NT_GNU_BUILD_ID, hexadecimal), unpacked; `undefined` where none is. */
  kernel(release: string, buildId: string): Uint8Array | undefined;
  /** The ELF file of a module as it was built for `release`, unpacked; `undefined` where none is. */
  module(release: string, name: string): Uint8Array | undefined;
  /** The contents of the file at the absolute `path`, at most `mostBytes`; `undefined` where none is. Throws `disk/*`. */
  read(path: string, mostBytes: number): Uint8Array | undefined;
}
