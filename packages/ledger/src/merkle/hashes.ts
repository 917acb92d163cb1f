import { hash } from "node:crypto";

/** The length of a SHA-256 hash, in bytes. */
export const HASH_LENGTH = 32;

/** SHA-256 of `bytes`. */
export function sha256(bytes: Uint8Array): Buffer {
  return hash("sha256", bytes, "buffer");
}

/** The root of a tree without leaves (RFC 6962, 2.1). */
export const emptyRoot: Uint8Array = sha256(Buffer.alloc(0));

/** The hash of a leaf (RFC 6962, 2.1): SHA-256(0x00 ‖ entry). */
export function leafHash(entry: Uint8Array): Buffer {
  const input = Buffer.allocUnsafe(1 + entry.length);
  input[0] = 0;
  input.set(entry, 1);
  return sha256(input);
}

/** One buffer for every inner node: hashing is synchronous, and copies what it needs. */
const nodeInput = Buffer.alloc(1 + 2 * HASH_LENGTH, 1);

/** The hash of an inner node (RFC 6962, 2.1): SHA-256(0x01 ‖ left ‖ right). */
export function nodeHash(left: Uint8Array, right: Uint8Array): Buffer {
  nodeInput.set(left, 1);
  nodeInput.set(right, 1 + HASH_LENGTH);
  return sha256(nodeInput);
}

/** The root of a full subtree whose hashes, 2^n of them, stand one after the other in `hashes`. */
export function subtreeHash(hashes: Uint8Array): Uint8Array {
  let row = hashes;
  while (row.length > HASH_LENGTH) {
    const above = Buffer.allocUnsafe(row.length / 2);
    for (let at = 0; at < row.length; at += 2 * HASH_LENGTH) {
      nodeInput.set(row.subarray(at, at + 2 * HASH_LENGTH), 1);
      above.set(sha256(nodeInput), at / 2);
    }
    row = above;
  }
  return row;
}
