import assert from "node:assert/strict";
import { test } from "node:test";
import { CasemateError } from "@casemate/core";
import { conflictSets, type Role, roles } from "@casemate/policy";
import fc from "fast-check";
import { openPeople } from "../../test/open-people.ts";
import { bootstrapPrincipal } from "./principal.ts";

test("Accounts: whatever is asked for, no person ever holds both roles of a conflict set", async (t) => {
  const { people, store } = await openPeople(t);
  const anyRoles = fc.subarray([...roles]);
  const anyChange = fc.record({
    name: fc.constantFrom("a1", "a2", "a3", "b1"),
    person: fc.constantFrom("ada", "bob", "root"),
    roles: anyRoles,
  });
  await fc.assert(
    fc.asyncProperty(fc.array(anyChange, { minLength: 2, maxLength: 12 }), async (asked) => {
      await store.db.deleteFrom("accounts").execute();
      // At the same time: what one check saw must still be so when the change is written.
      await Promise.all(
        asked.map(async ({ name, person, roles }) => {
          try {
            await people.accounts.create({ name, person, roles }, bootstrapPrincipal);
          } catch (thrown) {
            if (!(thrown instanceof CasemateError) || thrown.code === "internal") throw thrown;
            if (thrown.code === "account/exists") {
              await people.accounts.setRoles(name, roles, bootstrapPrincipal).catch(() => {});
            }
          }
        }),
      );
      const held = new Map<string, Set<Role>>([["root", new Set(["owner", "operator"])]]);
      for (const { person, roles } of await people.accounts.list()) {
        const all = held.get(person) ?? new Set();
        for (const role of roles) all.add(role);
        held.set(person, all);
      }
      for (const all of held.values()) {
        for (const set of conflictSets) assert.ok(set.filter((role) => all.has(role)).length < 2);
      }
    }),
    { numRuns: 50 },
  );
});

test("Accounts.create: a second account of an operator cannot be a security officer, and says through which", async (t) => {
  const { people } = await openPeople(t);
  const { accounts } = people;
  await accounts.create({ name: "ada", person: "ada", roles: ["operator"] }, bootstrapPrincipal);
  await accounts.disable("ada", bootstrapPrincipal);
  const second = { name: "ada2", person: "ada", roles: ["security-officer"] } as const;
  await assert.rejects(accounts.create(second, bootstrapPrincipal), {
    code: "policy/conflict",
    message: /ada would be operator and security-officer, with ada/,
  });
  await accounts.setRoles("ada", [], bootstrapPrincipal);
  await accounts.create(second, bootstrapPrincipal);
  await assert.rejects(accounts.setRoles("ada", ["operator"], bootstrapPrincipal), {
    code: "policy/conflict",
  });
});
