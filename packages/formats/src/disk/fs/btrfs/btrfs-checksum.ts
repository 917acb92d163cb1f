import { createHash } from "node:crypto";
import { crc32c } from "../../../crc32c.ts";
import { blake2b256 } from "./blake2b.ts";
import { xxhash64 } from "./xxhash64.ts";

/** How a file system's blocks are summed up. */
export interface BtrfsChecksum {
  readonly name: "crc32c" | "xxhash64" | "sha256" | "blake2b";
  /** Bytes of a checksum. */
  readonly size: number;
  /** The checksum of `bytes` as it is stored. */
  sum(bytes: Uint8Array): Uint8Array;
}

/** Where a block has its checksum, whatever its kind: the first 32 bytes, which are not part of it. */
export const CHECKSUM_ROOM = 32;

/** By `csum_type` (Linux 6.12, include/uapi/linux/btrfs_tree.h, `enum btrfs_csum_type`). */
export const checksums: readonly BtrfsChecksum[] = [
  { name: "crc32c", size: 4, sum: sumCrc32c },
  { name: "xxhash64", size: 8, sum: xxhash64 },
  {
    name: "sha256",
    size: 32,
    sum: (bytes) => createHash("sha256").update(bytes).digest(),
  },
  { name: "blake2b", size: 32, sum: blake2b256 },
];

function sumCrc32c(bytes: Uint8Array): Uint8Array {
  const sum = Buffer.allocUnsafe(4);
  sum.writeInt32LE(~crc32c(0xffff_ffff, bytes));
  return sum;
}

/** Whether the checksum of `bytes` is what is stored at byte `at` of `stored`. */
export function isSummed(
  { sum, size }: BtrfsChecksum,
  bytes: Uint8Array,
  stored: Buffer,
  at: number,
): boolean {
  return stored.compare(sum(bytes), 0, size, at, at + size) === 0;
}
