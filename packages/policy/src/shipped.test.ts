import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { anyRequest } from "../test/requests.ts";
import { renderRoleTable } from "../test/role-table.ts";
import { parseRight, shippedFiles } from "../test/shipped.ts";
import {
  type AuthorizationRequest,
  actions,
  loadPolicies,
  PolicyEngine,
  parsePolicyCases,
  runPolicyCase,
  shippedPolicyDirectory,
} from "./index.ts";

const set = await loadPolicies(shippedPolicyDirectory);
const engine = new PolicyEngine(set);
const cases = parsePolicyCases(shippedFiles);
const disclosing = actions.filter((each) => each.in.includes("disclose")).map(({ id }) => id);

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

/** Any request for data of a guest's processes or files, for a whole VM or out of one. */
const disclosure = anyRequest.filter(({ action }) => disclosing.includes(action));
const officers = ({ context }: AuthorizationRequest) =>
  context.approvals.filter(({ role }) => role === "security-officer").length;

test("shipped policies: nobody and nothing reads what processes and files hold without an approval", () => {
  fc.assert(
    fc.property(disclosure, (request) => {
      const { kind } = engine.authorize(request);
      return kind !== "permitted" || officers(request) > 0;
    }),
    { numRuns: 400 },
  );
});

test("shipped policies: with a permit of the site the watch alone reads it, where the permit says", () => {
  const permit = `@id("watch-reads") @reason("the site wants it")
permit (principal == User::"system:watch", action in Action::"disclose", resource in Label::"team1")
when { context.source == Source::"system" };`;
  const own = new PolicyEngine(parseRight([...shippedFiles, { name: "site.cedar", text: permit }]));
  const watch = { id: "system:watch", person: "system:watch", roles: [], mfa: false };
  const byWatch = fc.oneof(
    disclosure,
    disclosure.map((request) => ({ ...request, principal: watch })),
  );
  let permitted = 0;
  fc.assert(
    fc.property(byWatch, (request) => {
      const { principal, resource, context } = request;
      if (own.authorize(request).kind !== "permitted" || officers(request) > 0) return true;
      permitted += 1;
      if (resource.kind !== "vm") return false;
      const labels = [...resource.labels, ...(resource.hostLabels ?? [])];
      return (
        principal.id === "system:watch" &&
        context.source === "system" &&
        labels.includes("team1") &&
        !labels.includes("confidential")
      );
    }),
    { numRuns: 400 },
  );
  assert.ok(permitted > 0, "it does read then");
});

test("shipped policies: policy/roles.md says what each role may do", async () => {
  const golden = await readFile(join(shippedPolicyDirectory, "roles.md"), "utf8");
  assert.equal(golden, renderRoleTable());
});
