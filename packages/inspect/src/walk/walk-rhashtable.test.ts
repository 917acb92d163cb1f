import assert from "node:assert/strict";
import { test } from "node:test";
import { type Gva, gva } from "@casemate/core";
import fc from "fast-check";
import { Heap } from "../../test/heap.ts";
import { walkRhashtable } from "./walk-rhashtable.ts";

const OFFSET = 24;
const damaged = { code: "kernel/damaged" };
/** Where the members are in the types that the built guest has. */
const TABLE = { tbl: 0, rhlist: 8, size: 16 };
const BUCKETS = { size: 0, nest: 4, futureTable: 8, buckets: 16 };

interface Chain {
  readonly length: number;
  readonly isLocked: boolean;
}

/** Writes a chain into the bucket at `at`; returns its structs. */
function buildChain(heap: Heap, at: Gva, { length, isLocked }: Chain): Gva[] {
  const structs = Array.from({ length }, () => heap.take(64));
  structs.forEach((struct, i) => {
    const next = structs[i + 1];
    const marker = at | 1n;
    heap.write(struct, OFFSET, next === undefined ? marker : next + BigInt(OFFSET));
  });
  const [first] = structs;
  const head = first === undefined ? 0n : first + BigInt(OFFSET);
  heap.write(at, 0, head | (isLocked ? 1n : 0n));
  return structs;
}

function bucketTable(heap: Heap, size: number, nest: number, buckets: number): Gva {
  const at = heap.take(BUCKETS.buckets + buckets * 8);
  heap.write(at, BUCKETS.size, BigInt(size) | (BigInt(nest) << 32n));
  return at;
}

function flatTable(heap: Heap, chains: readonly Chain[]): { table: Gva; structs: Gva[] } {
  const table = bucketTable(heap, chains.length, 0, chains.length);
  const bucket = (i: number) => gva(table + BigInt(BUCKETS.buckets + i * 8));
  return { table, structs: chains.flatMap((chain, i) => buildChain(heap, bucket(i), chain)) };
}

function rhashtable(heap: Heap, table: Gva, isRhlist = false): Gva {
  const at = heap.take(TABLE.size);
  heap.write(at, TABLE.tbl, table);
  heap.writeByte(at, TABLE.rhlist, isRhlist ? 1 : 0);
  return at;
}

const walk = (heap: Heap, at: Gva) =>
  heap.look((kernel) => [...walkRhashtable(kernel, at, OFFSET)]);

const chains = fc.array(
  fc.record({ length: fc.constantFrom(0, 0, 1, 3), isLocked: fc.boolean() }),
  { minLength: 1, maxLength: 64 },
);

test("walkRhashtable: every struct once, of locked buckets too", () => {
  const heap = new Heap();
  fc.assert(
    fc.property(chains, (all) => {
      heap.clear();
      const { table, structs } = flatTable(heap, all);
      assert.deepEqual(walk(heap, rhashtable(heap, table)), structs);
    }),
    { numRuns: 50 },
  );
});

test("walkRhashtable: a rehash has structs in both tables, and the look is torn", () => {
  const heap = new Heap();
  const before = flatTable(heap, [{ length: 2, isLocked: false }]);
  const after = flatTable(heap, [
    { length: 1, isLocked: true },
    { length: 1, isLocked: false },
  ]);
  heap.write(before.table, BUCKETS.futureTable, after.table);
  const at = rhashtable(heap, before.table);
  assert.deepEqual(walk(heap, at), [...before.structs, ...after.structs]);
  heap.write(after.table, BUCKETS.futureTable, before.table);
  assert.throws(() => walk(heap, at), damaged);
});

test("walkRhashtable: nested tables", () => {
  const heap = new Heap();
  // 2^1 tables at the top, 512 below each, 2 buckets below these.
  const table = bucketTable(heap, 2048, 1, 1);
  const top = heap.take(4096);
  const middle = heap.take(4096);
  const bottom = heap.take(4096);
  heap.write(table, BUCKETS.buckets, top);
  heap.write(top, 8, middle);
  heap.write(middle, 511 * 8, bottom);
  const structs = [
    ...buildChain(heap, bottom, { length: 2, isLocked: false }),
    ...buildChain(heap, gva(bottom + 8n), { length: 1, isLocked: true }),
  ];
  assert.deepEqual(walk(heap, rhashtable(heap, table)), structs);
});

test("walkRhashtable: duplicates of an rhlist come too", () => {
  const heap = new Heap();
  const { table, structs } = flatTable(heap, [{ length: 2, isLocked: false }]);
  const [first = gva(0n), second = gva(0n)] = structs;
  const twin = heap.take(64);
  heap.write(first, OFFSET + 8, twin + BigInt(OFFSET));
  assert.deepEqual(walk(heap, rhashtable(heap, table, true)), [first, twin, second]);
});

test("walkRhashtable: circles and impossible sizes are damage", () => {
  const heap = new Heap();
  const { table, structs } = flatTable(heap, [{ length: 2, isLocked: false }]);
  const [first = gva(0n), second = gva(0n)] = structs;
  heap.write(second, OFFSET, first + BigInt(OFFSET));
  const at = rhashtable(heap, table);
  assert.throws(() => walk(heap, at), { ...damaged, message: /circles/ });
  heap.write(table, BUCKETS.size, 1n | (10n << 32n));
  assert.throws(() => walk(heap, at), damaged);
});
