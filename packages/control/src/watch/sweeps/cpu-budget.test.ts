import assert from "node:assert/strict";
import { test } from "node:test";
import { CpuBudget } from "./cpu-budget.ts";

test("CpuBudget: so much in a minute, saved up for ten, and debts are paid first", () => {
  const budget = new CpuBudget(600, 0);
  assert.equal(budget.left(0), 600);
  budget.spend(700, 0);
  assert.equal(budget.left(0), -100);
  assert.equal(budget.left(30_000), 200);
  assert.equal(budget.left(60 * 60_000), 6_000);
});

test("CpuBudget: what was spent is that of the last minute", () => {
  const budget = new CpuBudget(600, 0);
  budget.spend(10, 0);
  budget.spend(20, 50_000);
  assert.equal(budget.spent(59_000), 30);
  assert.equal(budget.spent(70_000), 20);
  assert.equal(budget.spent(200_000), 0);
});
