import assert from "node:assert/strict";
import { test } from "node:test";
import { describeDuties } from "./describe-duties.ts";

test("describeDuties: a line for each role, with the reasons of all policies that ask for it", () => {
  const duty = (policy: string, by: string, count: number) => ({
    ...{ policy, by, count },
    reason: `it is so by ${policy}`,
  });
  const lines = describeDuties([
    duty("one", "security-officer", 2),
    duty("two", "owner", 1),
    duty("three", "security-officer", 1),
  ]);
  assert.deepEqual(lines, [
    "It needs the approval of 2 persons as security-officer: it is so by one (one); it is so by three (three).",
    "It needs the approval of an owner: it is so by two (two).",
  ]);
  assert.match(describeDuties([duty("one", "auditor", 1)])[0] ?? "", /of an auditor: /);
});
