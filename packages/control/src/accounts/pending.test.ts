import assert from "node:assert/strict";
import { test } from "node:test";
import { pending } from "./pending.ts";

test("Pending: each is taken once and in time; of too many the oldest gives way", () => {
  let time = 0;
  const held = pending<number>(() => new Date(time), { lifetimeMs: 100, most: 3 });
  const first = held.put(1);
  assert.match(first, /^[\w-]{43}$/);
  assert.equal(held.take("nonsense"), undefined);
  assert.equal(held.take(first), 1);
  assert.equal(held.take(first), undefined);
  const late = held.put(2);
  time = 100;
  assert.equal(held.take(late), undefined);
  const names = [3, 4, 5, 6].map((value) => held.put(value));
  assert.deepEqual(
    names.map((name) => held.take(name)),
    [undefined, 4, 5, 6],
  );
});
