import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { tilePath } from "../tiles/tile-path.ts";
import { TreeEdge } from "../tiles/tree-edge.ts";
import { TreeReader } from "../tiles/tree-reader.ts";
import { emptyRoot, leafHash, nodeHash } from "./hashes.ts";
import { treeRoot } from "./tree-root.ts";
import { verifyConsistency, verifyInclusion } from "./verify-proof.ts";

// The oracle: the definitions of RFC 6962, 2.1, word by word.

function split(n: number): number {
  let k = 1;
  while (k << 1 < n) k <<= 1;
  return k;
}

function mth(d: readonly Uint8Array[]): Uint8Array {
  const [only] = d;
  if (only === undefined) return emptyRoot;
  if (d.length === 1) return leafHash(only);
  const k = split(d.length);
  return nodeHash(mth(d.slice(0, k)), mth(d.slice(k)));
}

function path(m: number, d: readonly Uint8Array[]): readonly Uint8Array[] {
  if (d.length === 1) return [];
  const k = split(d.length);
  if (m < k) return [...path(m, d.slice(0, k)), mth(d.slice(k))];
  return [...path(m - k, d.slice(k)), mth(d.slice(0, k))];
}

function subproof(m: number, d: readonly Uint8Array[], b: boolean): readonly Uint8Array[] {
  if (m === d.length) return b ? [] : [mth(d)];
  const k = split(d.length);
  if (m <= k) return [...subproof(m, d.slice(0, k), b), mth(d.slice(k))];
  return [...subproof(m - k, d.slice(k), false), mth(d.slice(0, k))];
}

const entry = (i: number) => Buffer.from(`entry ${i}`);
const entries = Array.from({ length: 700 }, (_, i) => entry(i));

/** A log of `size` entries in memory. */
function buildLog(size: number): TreeReader {
  const files = new Map<string, Buffer>();
  const edge = new TreeEdge();
  for (const each of entries.slice(0, size)) edge.add(each);
  for (const { name, bytes } of [...edge.takeTiles(), ...edge.partialTiles()]) {
    files.set(tilePath(name), Buffer.from(bytes));
  }
  return new TreeReader(async (name) => files.get(name));
}

test("emptyRoot: SHA-256 of nothing, as RFC 6962, 2.1 has it", () => {
  assert.equal(
    Buffer.from(emptyRoot).toString("hex"),
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
  );
});

test("TreeEdge: its root is the RFC's for every size up to 300", () => {
  const edge = new TreeEdge();
  for (let size = 0; size <= 300; size += 1) {
    assert.deepEqual(Buffer.from(edge.root()), Buffer.from(mth(entries.slice(0, size))), `${size}`);
    assert.deepEqual(treeRoot(entries.slice(0, size).map(leafHash)), edge.root());
    edge.add(entry(size));
  }
});

test("TreeReader: proofs are the RFC's for every leaf of every small tree", async () => {
  for (let size = 1; size <= 20; size += 1) {
    const d = entries.slice(0, size);
    const reader = buildLog(size);
    assert.deepEqual(await reader.readRoot(size), mth(d));
    for (let m = 0; m < size; m += 1) {
      const inclusion = await reader.proveInclusion(m, size);
      assert.deepEqual(inclusion, path(m, d));
      verifyInclusion(m, leafHash(entry(m)), { size, root: mth(d) }, inclusion);
      const consistency = await reader.proveConsistency(m + 1, size);
      assert.deepEqual(consistency, subproof(m + 1, d, true));
      const older = { size: m + 1, root: mth(d.slice(0, m + 1)) };
      verifyConsistency(older, { size, root: mth(d) }, consistency);
    }
  }
});

test("TreeReader: proofs across tiles", async () => {
  const anySizes = fc
    .integer({ min: 1, max: 700 })
    .chain((size) => fc.tuple(fc.constant(size), fc.nat(size - 1)));
  await fc.assert(
    fc.asyncProperty(anySizes, async ([size, m]) => {
      const d = entries.slice(0, size);
      const reader = buildLog(size);
      assert.deepEqual(await reader.proveInclusion(m, size), path(m, d));
      assert.deepEqual(await reader.proveConsistency(m + 1, size), subproof(m + 1, d, true));
      assert.deepEqual((await reader.readEdge(size)).root(), mth(d));
    }),
    { numRuns: 60 },
  );
});

test("verifyInclusion, verifyConsistency: whatever is changed is refused", async () => {
  const anyCase = fc
    .integer({ min: 2, max: 300 })
    .chain((size) =>
      fc.record({ size: fc.constant(size), m: fc.nat(size - 2), at: fc.nat(), bit: fc.nat(7) }),
    );
  const readers = new Map<number, TreeReader>();
  const changed = (hashes: readonly Uint8Array[], at: number, bit: number) =>
    hashes.map((hash, i) => {
      if (i !== Math.floor(at / 32) % hashes.length) return hash;
      const copy = Buffer.from(hash);
      copy[at % 32] = (copy[at % 32] ?? 0) ^ (1 << bit);
      return copy;
    });
  const unproven = { code: "ledger/unproven" };
  await fc.assert(
    fc.asyncProperty(anyCase, async ({ size, m, at, bit }) => {
      const reader = readers.get(size) ?? buildLog(size);
      readers.set(size, reader);
      const root = mth(entries.slice(0, size));
      const tree = { size, root };
      const hash = leafHash(entry(m));
      const inclusion = await reader.proveInclusion(m, size);
      verifyInclusion(m, hash, tree, inclusion);
      assert.throws(() => verifyInclusion(m, hash, tree, changed(inclusion, at, bit)), unproven);
      assert.throws(() => verifyInclusion(m, hash, tree, inclusion.slice(1)), unproven);
      assert.throws(() => verifyInclusion(m, hash, tree, [...inclusion, hash]), unproven);
      assert.throws(() => verifyInclusion(m + 1, hash, tree, inclusion), unproven);
      assert.throws(() => verifyInclusion(size, hash, tree, inclusion), unproven);

      const older = { size: m + 1, root: mth(entries.slice(0, m + 1)) };
      const consistency = await reader.proveConsistency(m + 1, size);
      verifyConsistency(older, tree, consistency);
      const bad = changed(consistency, at, bit);
      assert.throws(() => verifyConsistency(older, tree, bad), unproven);
      assert.throws(() => verifyConsistency(older, tree, consistency.slice(1)), unproven);
      assert.throws(() => verifyConsistency(older, tree, [...consistency, hash]), unproven);
      assert.throws(
        () => verifyConsistency({ ...older, root: emptyRoot }, tree, consistency),
        unproven,
      );
      assert.throws(() => verifyConsistency(tree, older, consistency), unproven);
    }),
    { numRuns: 100 },
  );
});

test("verifyConsistency: from the empty tree, and between equal ones", () => {
  const tree = { size: 2, root: mth(entries.slice(0, 2)) };
  verifyConsistency({ size: 0, root: emptyRoot }, tree, []);
  verifyConsistency(tree, tree, []);
  const wrong = [
    { size: 0, root: tree.root },
    { size: 2, root: emptyRoot },
  ];
  for (const older of wrong) {
    assert.throws(() => verifyConsistency(older, tree, []), { code: "ledger/unproven" });
  }
});
