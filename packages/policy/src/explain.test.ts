import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { anyRequest } from "../test/requests.ts";
import { parseRight, parseText, shippedFiles } from "../test/shipped.ts";
import { PolicyEngine, parseRequest } from "./index.ts";

const engine = new PolicyEngine(parseRight(shippedFiles));
const ask = (value: object) => parseRequest(value, "the request");
const stepsOf = (value: object) =>
  engine.explain(ask(value)).change?.steps.map(({ sentence }) => sentence);

test("PolicyEngine.explain: the change it names permits, and is the same every time", () => {
  let changed = 0;
  fc.assert(
    fc.property(anyRequest, (request) => {
      const { decision, change, tried } = engine.explain(request);
      if (decision.kind === "permitted") {
        assert.equal(change, undefined);
        return;
      }
      assert.ok(tried > 0);
      if (change === undefined) return;
      changed += 1;
      assert.equal(engine.authorize(change.request).kind, "permitted");
      assert.equal(change.steps.at(-1)?.request, change.request);
      if (change.steps.length === 2) {
        assert.notEqual(engine.authorize(change.steps[0].request).kind, "permitted");
      }
      assert.deepEqual(engine.explain(request).change, change);
    }),
    { numRuns: 12 },
  );
  assert.ok(changed > 0, String(changed));
});

test("PolicyEngine.explain: names the one thing that is missing", () => {
  const operator = { roles: ["operator"] };
  assert.deepEqual(stepsOf({ action: "vm.start" }), ["with the role operator"]);
  assert.deepEqual(stepsOf({ principal: operator, action: "vm.restore" }), [
    "with the approval of another person as security-officer",
  ]);
  assert.deepEqual(
    stepsOf({
      principal: operator,
      action: "vm.inspect.userMemory",
      resource: { labels: ["confidential"] },
    }),
    ["with the approval of 2 other persons as security-officer"],
  );
  assert.deepEqual(
    stepsOf({ principal: operator, action: "vm.start", resource: { labels: ["quarantined"] } }),
    ["without the label quarantined on VM vm"],
  );
  assert.deepEqual(stepsOf({ principal: operator, action: "request.approve" }), [
    "with the role security-officer instead of operator",
  ]);
  assert.deepEqual(
    stepsOf({
      principal: { id: "alice", roles: ["security-officer"] },
      action: "request.approve",
      resource: { requester: "alice" },
    }),
    ["to another person"],
  );
});

test("PolicyEngine.explain: two things together, where one is not enough", () => {
  assert.deepEqual(stepsOf({ action: "vm.restore" }), [
    "with the approval of another person as security-officer",
    "with the role operator",
  ]);
});

test("PolicyEngine.explain: says that nothing was found where nothing small permits", () => {
  const closed = new PolicyEngine(parseText(`@id("no") forbid (principal, action, resource);`));
  const { change, tried, decision } = closed.explain(ask({ action: "system.read" }));
  assert.equal(change, undefined);
  assert.equal(decision.kind, "denied");
  assert.ok(tried > 100, String(tried));
});
