import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import { openSpine, people } from "../../test/spine.fixture.ts";
import { checkVm } from "./check-vm.ts";

const never = new AbortController().signal;

test("checkVm: asking the agent needs leave of its own, and the plan tells that the guest notices", async (t) => {
  const { services, vm } = await openSpine(t);
  const submit = (parameters: Readonly<Record<string, unknown>>, principal = people.sofia) => {
    const order = { id: randomUUID(), operation: "vm.check", target: vm, parameters };
    return services.spine.submit({ ...order, principal }, never);
  };
  assert.equal(checkVm.needs({ agent: true }).at(-1), "vm.inspect.agent");
  const asked = await submit({ agent: true });
  assert.ok(asked.plan?.steps.some((step) => step.endsWith(", agent-answers.")));
  assert.match(asked.plan?.steps.at(-1) ?? "", /^Ask the agent in the guest/);
  const plain = await submit({});
  assert.equal(plain.plan?.steps.at(-1), "The guest is not touched.");
  await assert.rejects(submit({ detectors: ["agent-answers"] }), {
    ...{ code: "operation/refused", message: /it is not asked, expected `agent`/ },
  });
});

test("checkVm: with rules memory is put to them, which needs leave and is told by their SHA-256", async (t) => {
  const { services, vm } = await openSpine(t);
  const submit = (parameters: Readonly<Record<string, unknown>>) => {
    const order = { id: randomUUID(), operation: "vm.check", target: vm, parameters };
    return services.spine.submit({ ...order, principal: people.sofia }, never);
  };
  const rules = "5e".repeat(32);
  const plain = await submit({});
  assert.ok(!plain.plan?.steps.some((step) => step.includes("rules")));
  const ruled = await submit({ rules });
  assert.ok(ruled.plan?.steps.some((step) => step.startsWith("Put what processes may execute")));
  assert.ok(ruled.plan?.steps.some((step) => step.includes(rules)));
  assert.ok(ruled.duties.length > plain.duties.length);
  const whole = await submit({ rules, detectors: ["signatures"], allMemory: true });
  assert.ok(whole.plan?.steps.some((step) => step.startsWith("Put all memory of processes")));
  await assert.rejects(submit({ detectors: ["signatures"] }), {
    ...{ code: "operation/refused", message: /none are given, expected some of YARA/ },
  });
});
