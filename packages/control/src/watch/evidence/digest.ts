/** A file of a bundle as it was sealed, or as it is. */
export interface Digest {
  readonly name: string;
  /** In bytes. */
  readonly size: number;
  /** In hexadecimal. */
  readonly sha256: string;
}

/** Digests as `sha256sum -c` reads them. */
export function formatSums(digests: readonly Digest[]): string {
  return digests.map(({ name, sha256 }) => `${sha256}  ${name}\n`).join("");
}
