/** A Linux kernel as the lab boots it: unpacked from a Debian package. */
export interface Kernel {
  /** `uname -r`. */
  readonly release: string;
  /** Path of the bzImage. */
  readonly vmlinuz: string;
  /** Path of the directory that holds `modules.dep`, named for the release. */
  readonly modulesDirectory: string;
}
