/** Bytes of a kernel image, and how far they are from its `_text`: the same wherever it is loaded. */
export interface PlacedBytes {
  readonly offset: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/**
 * A kernel's types from elsewhere than the guest's RAM, such as the kernel image on its disk, and by what to
 * know that it is the kernel that runs. HOSTILE: the guest can write its disk as well as its RAM.
 */
export interface KernelTypes {
  /** Its `.BTF`. */
  readonly btf: PlacedBytes;
  /** Its ELF notes, which hold the build-id. */
  readonly notes: PlacedBytes;
  /** `linux_banner`, with its newline. */
  readonly banner: PlacedBytes;
}
