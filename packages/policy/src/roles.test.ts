import assert from "node:assert/strict";
import { test } from "node:test";
import { CasemateError } from "@casemate/core";
import fc from "fast-check";
import { conflictSets, isRole, roles, verifyRoles } from "./index.ts";

test("verifyRoles: throws exactly where two roles of a conflict set meet", () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.constantFrom(...roles)), (held) => {
      const meet = conflictSets.some(
        (each) => each.filter((role) => held.includes(role)).length > 1,
      );
      if (meet) {
        assert.throws(
          () => verifyRoles(held),
          (thrown: unknown) => thrown instanceof CasemateError && thrown.code === "policy/conflict",
        );
      } else verifyRoles(held);
    }),
  );
  assert.throws(
    () => verifyRoles(["security-officer", "auditor", "operator"]),
    /exclude each other/,
  );
});

test("isRole: knows the roles and nothing else", () => {
  assert.ok(roles.every(isRole));
  assert.ok(![undefined, "", "root", "toString"].some(isRole));
});
