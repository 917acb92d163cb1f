import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { renderRoleTable } from "../test/role-table.ts";
import { shippedFiles } from "../test/shipped.ts";
import {
  loadPolicies,
  PolicyEngine,
  parsePolicyCases,
  runPolicyCase,
  shippedPolicyDirectory,
} from "./index.ts";

const set = await loadPolicies(shippedPolicyDirectory);
const engine = new PolicyEngine(set);
const cases = parsePolicyCases(shippedFiles);

test("shipped policies: every case decides as expected", () => {
  for (const each of cases) {
    const { differences } = runPolicyCase(each, (request) => engine.authorize(request));
    assert.deepEqual(differences, [], each.name);
  }
});

test("shipped policies: every policy decides some case", () => {
  const deciding = new Set(
    cases.flatMap(({ request }) => engine.authorize(request).policies.map(({ id }) => id)),
  );
  assert.deepEqual(
    set.policies.map(({ id }) => id).filter((id) => !deciding.has(id)),
    [],
  );
});

test("shipped policies: policy/roles.md says what each role may do", async () => {
  const golden = await readFile(join(shippedPolicyDirectory, "roles.md"), "utf8");
  assert.equal(golden, renderRoleTable());
});
