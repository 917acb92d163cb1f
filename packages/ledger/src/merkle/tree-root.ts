import { emptyRoot, nodeHash, subtreeHash } from "./hashes.ts";
import { splitRange } from "./plan-proof.ts";

/** The root of the tree with these leaf hashes (RFC 6962, 2.1: MTH). */
export function treeRoot(hashes: readonly Uint8Array[]): Uint8Array {
  if (hashes.length === 0) return emptyRoot;
  return splitRange({ start: 0, end: hashes.length })
    .map(({ height, index }) => {
      const start = index * 2 ** height;
      return subtreeHash(Buffer.concat(hashes.slice(start, start + 2 ** height)));
    })
    .reduceRight((right, left) => nodeHash(left, right));
}
