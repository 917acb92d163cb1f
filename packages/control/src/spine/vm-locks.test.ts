import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as tick } from "node:timers/promises";
import fc from "fast-check";
import { VmLocks } from "./vm-locks.ts";

test("VmLocks: one at a time for each key, in the order they came", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.constantFrom("a", "b", "c"), { maxLength: 20 }), async (keys) => {
      const locks = new VmLocks();
      const inside = new Map<string, number>();
      const order: number[] = [];
      await Promise.all(
        keys.map(async (key, index) => {
          using _lock = await locks.acquire(key);
          assert.equal(inside.get(key) ?? 0, 0);
          inside.set(key, 1);
          await tick();
          order.push(index);
          inside.set(key, 0);
        }),
      );
      for (const key of ["a", "b", "c"]) {
        const mine = order.filter((index) => keys[index] === key);
        assert.deepEqual(
          mine,
          mine.toSorted((one, other) => one - other),
        );
      }
      await tick();
      for (const key of keys) assert.equal(locks.isHeld(key), false);
    }),
    { numRuns: 30 },
  );
});

test("VmLocks: who gives up leaves the line, and those behind still wait for those before", async () => {
  const locks = new VmLocks();
  const first = await locks.acquire("a");
  const stop = new AbortController();
  const second = locks.acquire("a", stop.signal);
  let third = false;
  const last = locks.acquire("a").then((lock) => {
    third = true;
    return lock;
  });
  stop.abort();
  await assert.rejects(second, { code: "cancelled" });
  await tick();
  assert.equal(third, false);
  first[Symbol.dispose]();
  (await last)[Symbol.dispose]();
  await assert.rejects(locks.acquire("a", stop.signal), { code: "cancelled" });
});
