import assert from "node:assert/strict";
import { test } from "node:test";
import { joinDuties } from "./join-duties.ts";

test("joinDuties: what two policies ask of one role is one duty, with the reasons of both", () => {
  const duty = (policy: string, by: string, count: number) => ({
    ...{ policy, by, count },
    reason: `because of ${policy}`,
  });
  const joined = joinDuties([
    duty("one", "security-officer", 1),
    duty("owner", "owner", 1),
    duty("two", "security-officer", 2),
  ]);
  assert.deepEqual(
    joined.map(({ by, count, reasons }) => [by, count, reasons.map(({ policy }) => policy)]),
    [
      ["security-officer", 2, ["one", "two"]],
      ["owner", 1, ["owner"]],
    ],
  );
  assert.equal(joined[0]?.reasons[1]?.reason, "because of two");
});
