import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { anyRequest } from "../test/requests.ts";
import { parseRight, parseText, schemaFile, shippedFiles } from "../test/shipped.ts";
import { buildSiteRules } from "../test/site-rules.ts";
import { isAuthorized } from "./cedar.ts";
import { toCedarRequest } from "./cedar-request.ts";
import {
  type AuthorizationRequest,
  actions,
  type LoadedPolicy,
  PolicyEngine,
  type PolicyFile,
  parseRequest,
  roles,
} from "./index.ts";

const shipped = parseRight(shippedFiles);
const ask = (value: object) => parseRequest(value, "the request");

const scopes = fc.constantFrom(
  "principal, action, resource",
  `principal in Role::"operator", action in Action::"change", resource`,
  `principal, action in Action::"read", resource is VM`,
  `principal in Label::"team1", action, resource in Label::"confidential"`,
);
const conditions = fc.constantFrom(
  "",
  " when { context.breakGlass }",
  " unless { principal.mfa }",
  " when { context has plan && context.plan.downtime }",
  ` unless { context.approvals["security-officer"] >= 1 }`,
);
const extraForbid = fc
  .tuple(scopes, conditions)
  .map(([scope, condition]) => `@id("extra") forbid (${scope})${condition};`);

test("PolicyEngine.authorize: a forbid overrides every permit", () => {
  const closed: PolicyFile = {
    name: "zz.cedar",
    text: `@id("closed") forbid (principal, action, resource);`,
  };
  const engine = new PolicyEngine(parseRight([...shippedFiles, closed]));
  fc.assert(
    fc.property(anyRequest, (request) => {
      const decision = engine.authorize(request);
      assert.equal(decision.kind, "denied");
      assert.ok(decision.policies.some(({ id }) => id === "closed"));
    }),
    { numRuns: 40 },
  );
});

test("PolicyEngine.authorize: one more forbid never permits what was not permitted", () => {
  const before = new PolicyEngine(shipped);
  fc.assert(
    fc.property(extraForbid, fc.array(anyRequest, { minLength: 8, maxLength: 8 }), (text, all) => {
      const after = new PolicyEngine(parseRight([...shippedFiles, { name: "extra.cedar", text }]));
      for (const request of all) {
        const [was, is] = [before.authorize(request).kind, after.authorize(request).kind];
        if (was !== "permitted") assert.notEqual(is, "permitted");
        if (was === "denied") assert.equal(is, "denied");
      }
    }),
    { numRuns: 6 },
  );
});

/** Rules whose scopes name the principal and the resource in every way there is. */
const scopedRules: PolicyFile = {
  name: "scoped.cedar",
  text: [
    `permit (principal == User::"alice", action, resource)`,
    `permit (principal in Label::"team1", action, resource)`,
    `permit (principal is User, action, resource)`,
    `permit (principal is User in Role::"auditor", action, resource)`,
    `permit (principal, action, resource == VM::"00000000-0000-4000-8000-000000000001")`,
    `permit (principal, action, resource in Label::"team2")`,
    `permit (principal, action, resource in Host::"host1")`,
    `permit (principal, action, resource in Network::"default")`,
    `permit (principal, action, resource in Network::"other")`,
    `permit (principal, action, resource is VM in Label::"confidential")`,
    `permit (principal, action, resource is Host)`,
    `permit (principal is User in Label::"team2", action in Action::"operate", resource is VM)`,
  ]
    .flatMap((scope, index) => [
      `@id("may-${index}") ${scope} when { context.breakGlass };`,
      `@id("not-${index}") ${scope.replace("permit", "forbid")} when { principal.mfa && context.approvals["auditor"] >= 1 };`,
      `@id("duty-${index}") @duty("approval") @by("owner") @expires("1h") @reason("r")
       ${scope.replace("permit", "forbid")} when { principal.mfa } unless { context.approvals["owner"] >= 1 };`,
    ])
    .concat([
      `@id("whole") permit (principal, action, resource) when { context == context && [context].contains(context) && resource in [Label::"team1", Label::"team2"] };`,
      `@id("nested") forbid (principal, action, resource) when { context has plan.downtime && context.plan.downtime && principal in Label::"team1" };`,
      `@id("person") permit (principal, action, resource is Account) when { principal.person == resource.person || {"a": resource}.a.person == principal.person };`,
      `@id("choice") forbid (principal, action, resource is VM) when { resource in (if principal.mfa then Label::"team1" else Label::"team2") && context["breakGlass"] };`,
      `@id("classes") forbid (principal, action, resource) when { context.dataClasses.contains(DataClass::"userMemory") && action in Action::"look" };`,
    ])
    .join("\n"),
};

test("PolicyEngine.authorize: decides as Cedar does with the whole set, for Cedar's reasons", () => {
  const set = parseRight([...shippedFiles, buildSiteRules(20), scopedRules]);
  const engine = new PolicyEngine(set);
  const ask = (request: AuthorizationRequest, policies: readonly LoadedPolicy[]) => {
    const answer = isAuthorized({
      ...toCedarRequest(request),
      schema: set.schema,
      validateRequest: true,
      policies: { staticPolicies: Object.fromEntries(policies.map(({ id, text }) => [id, text])) },
    });
    assert.ok(answer.type === "success", JSON.stringify(answer));
    const { decision, diagnostics } = answer.response;
    return { decision, reason: diagnostics.reason.toSorted() };
  };
  const permits = set.policies.filter(({ effect }) => effect === "permit");
  const isDuty = (id: string) => set.policies.some((each) => each.id === id && each.duty);
  fc.assert(
    fc.property(anyRequest, (request) => {
      const { decision, reason } = ask(request, set.policies);
      const decided = engine.authorize(request);
      const ids = decided.policies.map(({ id }) => id).sort();
      if (decision === "allow") {
        assert.equal(decided.kind, "permitted");
        assert.deepEqual(ids, reason);
        return;
      }
      const limits = reason.filter((id) => !isDuty(id));
      const onlyDuties = limits.length === 0 && reason.length > 0;
      const fulfilled = onlyDuties ? ask(request, permits) : undefined;
      if (fulfilled?.decision === "allow") {
        assert.equal(decided.kind, "needs-approval");
        assert.deepEqual(ids, [...reason, ...fulfilled.reason].sort());
      } else {
        assert.equal(decided.kind, "denied");
        assert.deepEqual(ids, limits);
      }
    }),
    { numRuns: 25 },
  );
});

test("PolicyEngine.authorize: decides alike when it was asked about more than it keeps prepared", () => {
  const names = Array.from({ length: 9 }, (_, index) => `l${index}`);
  const rules = names.map(
    (label) => `@id("${label}") permit (principal, action, resource in Label::"${label}");`,
  );
  const engine = new PolicyEngine(parseText(rules.join("\n")));
  const sets = Array.from({ length: 2 ** names.length }, (_, bits) =>
    names.filter((_, index) => (bits >> index) % 2 === 1),
  );
  for (const labels of [...sets, ...sets.slice(0, 20)]) {
    const decision = engine.authorize(ask({ action: "vm.start", resource: { labels } }));
    assert.equal(decision.kind, labels.length === 0 ? "denied" : "permitted");
    assert.deepEqual(
      decision.policies.map(({ id }) => id),
      labels,
    );
  }
});

test("PolicyEngine.authorize: what needs approval is permitted once every duty is fulfilled", () => {
  const engine = new PolicyEngine(shipped);
  fc.assert(
    fc.property(anyRequest, (request) => {
      const decision = engine.authorize(request);
      fc.pre(decision.kind === "needs-approval");
      const given = decision.duties.flatMap(({ by, count }) =>
        Array.from({ length: count }, (_, index) => ({ role: by, person: `stranger ${index}` })),
      );
      const approvals = [...request.context.approvals, ...given];
      const after = engine.authorize({ ...request, context: { ...request.context, approvals } });
      assert.equal(after.kind, "permitted");
    }),
    { numRuns: 20, maxSkipsPerRun: 1000 },
  );
});

test("PolicyEngine.authorize: a duty stands between only where something permits", () => {
  const engine = new PolicyEngine(
    parseText(
      `@id("d") @duty("approval") @by("owner") @expires("30m") @reason("r")
       forbid (principal, action, resource) unless { context.approvals["owner"] >= 1 };
       @id("p") permit (principal, action == Action::"vm.start", resource);`,
    ),
  );
  const needed = engine.authorize(ask({ action: "vm.start" }));
  assert.equal(needed.kind, "needs-approval");
  assert.deepEqual(needed.kind === "needs-approval" && needed.duties, [
    { kind: "approval", policy: "d", by: "owner", count: 1, expiresAfter: 1_800_000, reason: "r" },
  ]);
  assert.deepEqual(
    needed.policies.map(({ id, line }) => [id, line]),
    [
      ["d", 1],
      ["p", 3],
    ],
  );
  const denied = engine.authorize(ask({ action: "vm.stop" }));
  assert.ok(denied.kind === "denied");
  assert.deepEqual(denied.policies, []);
  assert.match(denied.because, /^No policy permits vm\.stop to somebody/);
});

test("PolicyEngine.authorize: an evaluation error denies, whatever else permits", () => {
  const engine = new PolicyEngine(
    parseText(
      `@id("all") permit (principal, action, resource);
       @id("overflow") forbid (principal, action == Action::"vm.start", resource)
       when { context has plan && context.plan.diskBytes + 9223372036854775807 > 0 };`,
    ),
  );
  const request = ask({ action: "vm.start", context: { plan: { diskBytes: 1 } } });
  const decision = engine.authorize(request);
  assert.ok(decision.kind === "denied");
  assert.match(decision.because, /^It could not be decided: .*overflow/);
  assert.deepEqual(
    decision.policies.map(({ id }) => id),
    ["overflow"],
  );
  assert.equal(engine.authorize({ ...request, action: "vm.stop" }).kind, "permitted");
});

test("PolicyEngine.authorize: what is no request is denied and never throws", () => {
  const engine = new PolicyEngine(parseText(`@id("all") permit (principal, action, resource);`));
  const right = ask({ action: "vm.start", context: { plan: {} } });
  const { plan } = right.context;
  assert.ok(plan !== undefined);
  const wrong: AuthorizationRequest[] = [
    { ...right, action: "vm.strat" },
    { ...right, action: "change" },
    { ...right, resource: { kind: "system" } },
    { ...right, context: { ...right.context, dataClasses: ["everything"] } },
    { ...right, context: { ...right.context, plan: { ...plan, diskBytes: 0.5 } } },
    { ...right, context: { ...right.context, plan: { ...plan, diskBytes: Number.NaN } } },
    { ...right, principal: { ...right.principal, roles: ["operator", "security-officer"] } },
  ];
  assert.equal(engine.authorize(right).kind, "permitted");
  for (const request of wrong) {
    const decision = engine.authorize(request);
    assert.equal(decision.kind, "denied", JSON.stringify(request));
  }
});

test("PolicyEngine.replace: the new set decides from then on", () => {
  const request = ask({ action: "vm.start" });
  const open = parseText(`@id("all") permit (principal, action, resource);`);
  const engine = new PolicyEngine(open);
  assert.equal(engine.authorize(request).kind, "permitted");
  engine.replace(parseRight([schemaFile]));
  assert.equal(engine.authorize(request).kind, "denied");
  engine.replace(open);
  assert.equal(engine.authorize(request).kind, "permitted");
  assert.equal(engine.version, open.version);
});

test("PolicyEngine.authorize: nobody is permitted anything by an empty set", () => {
  const engine = new PolicyEngine(parseRight([schemaFile]));
  for (const { id } of actions) {
    for (const role of roles) {
      assert.equal(
        engine.authorize(ask({ principal: { roles: [role] }, action: id })).kind,
        "denied",
      );
    }
  }
});
