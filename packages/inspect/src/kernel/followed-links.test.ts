import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Heap } from "../../test/heap.ts";
import { FollowedLinks } from "./followed-links.ts";

const PLACES = 1000;
/** More than there is room for at first. */
const ROUNDS = 20;

test("FollowedLinks: hold until any of them changes, however many there are", () => {
  const heap = new Heap();
  const table = heap.take(PLACES * 8);
  const links = new FollowedLinks();
  heap.look((kernel) => {
    for (let i = 0; i < PLACES; i += 1) heap.write(table, i * 8, BigInt(i));
    for (let round = 0; round < ROUNDS; round += 1) {
      for (let i = 0; i < PLACES; i += 1)
        links.add(table, i * 8, kernel.memory.pointer(table, i * 8));
    }
  });
  const hold = () => heap.look((kernel) => links.hold(kernel.memory, kernel.budget));
  assert.ok(hold());
  fc.assert(
    fc.property(fc.nat(PLACES - 1), (place) => {
      heap.write(table, place * 8, -1n);
      assert.ok(!hold());
      heap.write(table, place * 8, BigInt(place));
    }),
    { numRuns: 20 },
  );
  assert.ok(hold());
  links.clear();
  heap.write(table, 0, -1n);
  assert.ok(hold(), "what was forgotten is not asked again");
});
