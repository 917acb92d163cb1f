import { CasemateError } from "@casemate/core";
import { emptyRoot, nodeHash } from "./hashes.ts";

/** The head of a tree: how many leaves, and the hash over all of them. */
export interface TreeHead {
  readonly size: number;
  readonly root: Uint8Array;
}

/**
 * Verifies that the leaf hash is number `index` of the tree (RFC 9162, 2.1.3.2).
 *
 * HOSTILE: whoever shows the proof made it. Throws `ledger/unproven`.
 */
export function verifyInclusion(
  index: number,
  hash: Uint8Array,
  tree: TreeHead,
  path: readonly Uint8Array[],
): void {
  const what = `that fact ${index} is in the tree of size ${tree.size}`;
  if (!(index >= 0 && index < tree.size)) throw unproven(what, "the index is outside the tree");
  let fn = index;
  let sn = tree.size - 1;
  let r = hash;
  for (const p of path) {
    if (sn === 0) throw unproven(what, `the path has ${path.length} hashes, which is too many`);
    if (fn % 2 === 1 || fn === sn) {
      r = nodeHash(p, r);
      while (fn % 2 === 0 && fn !== 0) {
        fn /= 2;
        sn = Math.floor(sn / 2);
      }
    } else {
      r = nodeHash(r, p);
    }
    fn = Math.floor(fn / 2);
    sn = Math.floor(sn / 2);
  }
  if (sn !== 0) throw unproven(what, `the path has ${path.length} hashes, which is too few`);
  if (!equal(r, tree.root)) throw unproven(what, "the path leads to another root hash");
}

/**
 * Verifies that the older tree is the beginning of the newer one (RFC 9162, 2.1.4.2).
 *
 * HOSTILE: whoever shows the proof made it. Throws `ledger/unproven`.
 */
export function verifyConsistency(
  older: TreeHead,
  newer: TreeHead,
  path: readonly Uint8Array[],
): void {
  const what = `that the tree of size ${older.size} is the beginning of the one of size ${newer.size}`;
  if (older.size > newer.size) throw unproven(what, "it is larger");
  if (older.size === newer.size || older.size === 0) {
    if (path.length > 0) throw unproven(what, "the path has hashes though none is needed");
    const other = older.size === 0 ? { ...older, root: emptyRoot } : newer;
    if (!equal(older.root, other.root)) throw unproven(what, "the root hashes differ");
    return;
  }
  let fn = older.size - 1;
  let sn = newer.size - 1;
  while (fn % 2 === 1) {
    fn = Math.floor(fn / 2);
    sn = Math.floor(sn / 2);
  }
  // The older tree is a full subtree of the newer one: its root is the first hash, and is left out.
  const [first, ...rest] = fn === 0 ? [older.root, ...path] : path;
  if (first === undefined) throw unproven(what, "the path is empty");
  let fr = first;
  let sr = first;
  for (const c of rest) {
    if (sn === 0) throw unproven(what, `the path has ${path.length} hashes, which is too many`);
    if (fn % 2 === 1 || fn === sn) {
      fr = nodeHash(c, fr);
      sr = nodeHash(c, sr);
      while (fn % 2 === 0 && fn !== 0) {
        fn /= 2;
        sn = Math.floor(sn / 2);
      }
    } else {
      sr = nodeHash(sr, c);
    }
    fn = Math.floor(fn / 2);
    sn = Math.floor(sn / 2);
  }
  if (sn !== 0) throw unproven(what, `the path has ${path.length} hashes, which is too few`);
  if (!equal(fr, older.root)) throw unproven(what, "the path leads to another older root hash");
  if (!equal(sr, newer.root)) throw unproven(what, "the path leads to another newer root hash");
}

const equal = (a: Uint8Array, b: Uint8Array) => Buffer.compare(a, b) === 0;

function unproven(what: string, seen: string): CasemateError {
  return new CasemateError(
    "ledger/unproven",
    `Cannot verify ${what}: ${seen}, expected a Merkle proof of it.`,
  );
}
