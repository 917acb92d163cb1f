import assert from "node:assert/strict";
import { test } from "node:test";
import { type Gva, gva } from "@casemate/core";
import fc from "fast-check";
import { Heap } from "../../test/heap.ts";
import { walkHashTable } from "./walk-hash-table.ts";

const OFFSET = 40;
const damaged = { code: "kernel/damaged" };

/** A table of chains of the given lengths; `end` is what ends each. */
function build(heap: Heap, chains: readonly number[], stride: number, end: (i: number) => bigint) {
  const heads = heap.take(chains.length * stride);
  const structs: Gva[] = [];
  chains.forEach((length, i) => {
    let at: Gva = heads;
    let place = i * stride;
    for (let n = 0; n < length; n += 1) {
      const struct = heap.take(64);
      structs.push(struct);
      heap.write(at, place, struct + BigInt(OFFSET));
      at = struct;
      place = OFFSET;
    }
    heap.write(at, place, end(i));
  });
  return { structs, table: { heads, count: chains.length, stride, offset: OFFSET } };
}

test("walkHashTable: every struct once, whether NULL or a nulls marker ends its chain", () => {
  const heap = new Heap();
  const chains = fc.array(fc.constantFrom(0, 0, 0, 1, 2, 7), { minLength: 1, maxLength: 60 });
  const end = fc.constantFrom(
    () => 0n,
    (i: number) => (BigInt(i) << 1n) | 1n,
  );
  fc.assert(
    fc.property(chains, fc.constantFrom(8, 16, 32), end, (lengths, stride, ending) => {
      heap.clear();
      const { structs, table } = build(heap, lengths, stride, ending);
      assert.deepEqual(
        heap.look((kernel) => [...walkHashTable(kernel, table)]),
        structs,
      );
    }),
    { numRuns: 50 },
  );
});

test("walkHashTable: a table of more than one chunk", () => {
  const heap = new Heap();
  const lengths = Array.from({ length: 20_000 }, (_, i) => (i % 997 === 0 ? 2 : 0));
  const { structs, table } = build(heap, lengths, 8, () => 1n);
  assert.deepEqual(
    heap.look((kernel) => [...walkHashTable(kernel, table)]),
    structs,
  );
});

test("walkHashTable: circles and wild heads are damage", () => {
  const heap = new Heap();
  const { structs, table } = build(heap, [3], 8, () => 0n);
  const [first = gva(0n), , third = gva(0n)] = structs;
  heap.write(third, OFFSET, first + BigInt(OFFSET));
  const walk = () => heap.look((kernel) => [...walkHashTable(kernel, table)]);
  assert.throws(walk, { ...damaged, message: /circles/ });
  heap.write(table.heads, 0, 0x1234n);
  assert.throws(walk, damaged);
});

test("walkHashTable: a count that nothing bounds ends at the budget", () => {
  const heap = new Heap();
  const heads = heap.take(8);
  const table = { heads, count: 2 ** 32, stride: 8, offset: OFFSET };
  assert.throws(() => heap.look((kernel) => [...walkHashTable(kernel, table)]), {
    code: /^(inspect\/budget|kernel\/damaged)$/,
  });
});
