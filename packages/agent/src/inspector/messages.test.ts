import assert from "node:assert/strict";
import { test } from "node:test";
import { CasemateError } from "@casemate/core";
import fc from "fast-check";
import { parseAnswer } from "./messages.ts";

test("parseAnswer: takes a table as it is", () => {
  const answer = {
    items: [{ pid: 1, name: "init", tags: ["a", null, true], nested: { deep: [1] } }],
    elapsedMs: 1.5,
    consistency: "retried",
    damaged: [{ object: "task_struct at 0xffff888003b5c000", reason: "Cannot read memory." }],
  };
  assert.deepEqual(parseAnswer(JSON.parse(JSON.stringify(answer))), answer);
  assert.deepEqual(parseAnswer({ done: true }), { done: true });
});

test("parseAnswer: an error counts only with a code that a look may end with", () => {
  const told = parseAnswer({ error: { code: "kernel/no-btf", message: "Cannot." } });
  assert.deepEqual(told, { error: { code: "kernel/no-btf", message: "Cannot." } });
  for (const code of ["auth/required", "disk/full", "__proto__", "internal"]) {
    const lied = parseAnswer({ error: { code, message: "x".repeat(5_000) } });
    assert.ok("error" in lied);
    assert.equal(lied.error.code, "inspect/crashed");
    assert.equal(lied.error.message.length, 1_000);
  }
});

test("parseAnswer: malformed answers are inspect/crashed, whatever they are", () => {
  const half = fc.record(
    { items: fc.jsonValue(), elapsedMs: fc.jsonValue() },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(fc.oneof(fc.jsonValue(), half), (value) => {
      try {
        parseAnswer(value);
      } catch (thrown) {
        assert.ok(thrown instanceof CasemateError);
        assert.equal(thrown.code, "inspect/crashed");
      }
    }),
  );
  let deep: unknown = 1;
  for (let i = 0; i < 10_000; i += 1) deep = [deep];
  const wide = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`k${i}`, i]));
  const whole = { items: [], elapsedMs: 1, consistency: "torn" };
  for (const damaged of [undefined, {}, ["text"], [{ object: 1, reason: "" }], Array(1001)]) {
    assert.throws(() => parseAnswer({ ...whole, damaged }), { code: "inspect/crashed" });
  }
  for (const item of [{ deep }, wide, { text: "x".repeat(100_000) }, []]) {
    const answer = { ...whole, items: [item], damaged: [] };
    assert.throws(() => parseAnswer(answer), { code: "inspect/crashed" });
  }
});

test("parseAnswer: a glance as it is, and no half of one", () => {
  const glance = {
    ...{ modules: 60, digest: "0".repeat(64), tainted: 0, nextProgram: 7 },
    ...{ uptime: 12.5, cpuMs: 0.4 },
  };
  assert.deepEqual(parseAnswer({ glance: { ...glance, more: "of it" } }), { glance });
  for (const name of Object.keys(glance)) {
    for (const value of [undefined, "much", Number.NaN]) {
      const half = { glance: { ...glance, [name]: value } };
      assert.throws(() => parseAnswer(half), { code: "inspect/crashed" }, name);
    }
  }
});
