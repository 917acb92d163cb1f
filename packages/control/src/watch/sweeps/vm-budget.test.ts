import assert from "node:assert/strict";
import { test } from "node:test";
import { DATA_CLASSES } from "@casemate/inspect";
import { usualDetectors as detectors } from "@casemate/inspect/detectors";
import { verdictOf } from "../../../test/verdicts.ts";
import { VmBudget } from "./vm-budget.ts";
import { VmVerdicts } from "./vm-verdicts.ts";

const cheap = detectors.filter(({ cost }) => cost === "low").map(({ id }) => id);
const dear = detectors.filter(({ cost }) => cost === "high").map(({ id }) => id);

function sweepBy(asked: readonly string[], cpuMs: number) {
  const verdicts = asked.map((detector) => verdictOf([], { detector, milliseconds: cpuMs }));
  return { subject: "vm", takenAt: new Date(), elapsedMs: cpuMs, cpuMs, verdicts };
}

test("VmBudget: what detectors of high cost take keeps none of the others from looking", () => {
  const budget = new VmBudget(600, 0);
  const [one = ""] = dear;
  budget.spend(sweepBy([one], 100_000), 0);
  const { low, high } = budget.left(0);
  assert.equal(low, 300);
  assert.ok(high < 0);
  const { cpuMsLeft, cpuMsLastMinute, pauseUs } = budget.describe(0);
  assert.ok(cpuMsLeft < 0);
  assert.equal(cpuMsLastMinute, 100_000);
  assert.equal(pauseUs, 0);
});

test("VmBudget: each kind pays its part", () => {
  const budget = new VmBudget(600, 0);
  const [low = "", high = ""] = [cheap[0], dear[0]];
  budget.spend(sweepBy([low, high], 200), 0);
  assert.deepEqual(budget.left(0), { low: 200, high: 200 });
});

test("VmVerdicts.choose: all of low cost, and one of high cost after the other", () => {
  const known = new VmVerdicts();
  known.classes = DATA_CLASSES;
  const left = { low: 1, high: 1 };
  const seen: string[] = [];
  for (let now = 0; seen.length < dear.length; now += 60_000) {
    const chosen = known.choose(left, now, 60 * 60_000);
    assert.deepEqual(chosen.slice(0, cheap.length), cheap);
    const [turn, ...others] = chosen.slice(cheap.length);
    assert.ok(turn !== undefined && others.length === 0);
    seen.push(turn);
    known.sweptBy(sweepBy([turn], 1), now);
  }
  assert.deepEqual(new Set(seen), new Set(dear));
  assert.deepEqual(known.choose(left, 10 * 60_000, 60 * 60_000), cheap);
  assert.deepEqual(known.choose({ low: 0, high: 1 }, 10 * 60_000, 60 * 60_000), []);
  assert.deepEqual(known.choose({ low: 0, high: 1 }, 0, 0).length, 1);
});

test("VmVerdicts.choose: what may not be read is not looked at", () => {
  const known = new VmVerdicts();
  known.classes = ["kernelMetadata"];
  for (const id of known.permitted) {
    const found = detectors.find((each) => each.id === id);
    assert.deepEqual([...(found?.needs ?? [])], ["kernelMetadata"]);
  }
});
