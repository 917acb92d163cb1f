import assert from "node:assert/strict";
import { test } from "node:test";
import { Budget } from "./budget.ts";

const overdrawn = { code: "inspect/budget" };

test("Budget: ends a walk of too many steps", () => {
  const budget = new Budget({ steps: 1000 });
  assert.throws(() => {
    for (let i = 0; i < 2000; i += 1) budget.step();
  }, overdrawn);
  assert.ok(budget.spent <= 1000 + 256, "looks at the clock and the count often enough");
});

test("Budget: ends a walk that takes too long", () => {
  const budget = new Budget({ milliseconds: 1 });
  assert.throws(() => {
    for (;;) budget.step();
  }, overdrawn);
});

test("Budget: allows what it allows", () => {
  const budget = new Budget({ steps: 1000 });
  for (let i = 0; i < 1000; i += 1) budget.step();
  assert.equal(budget.spent, 1000);
});
