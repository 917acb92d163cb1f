import assert from "node:assert/strict";
import { test } from "node:test";
import { CasemateError } from "@casemate/core";
import type { Suspicion, Verdict } from "@casemate/inspect";
import { detectors } from "@casemate/inspect/detectors";
import fc from "fast-check";
import { parseAnswer } from "./messages.ts";

const [first] = detectors;
const suspicion: Suspicion = {
  key: "process 7 started at 1.00",
  title: "Process 7 (x) is hidden",
  severity: "high",
  because: "It is.",
  techniques: ["T1014"],
  evidence: [{ what: "task_struct", address: "0xffff888003b5c000", path: ["init_task", "tasks"] }],
  remediation: "Look.",
};
const verdict: Verdict = {
  detector: first?.id ?? "",
  verdict: "suspicious",
  suspicions: [suspicion],
  missed: [{ what: "a table", reason: "Cannot." }],
  coverage: { looked: 3, total: 4 },
  consistency: "retried",
  looks: 5,
  steps: 1_000,
  milliseconds: 1.5,
};
const parse = (one: unknown) => parseAnswer({ verdicts: [one], elapsedMs: 2, cpuMs: 1 });

test("parseAnswer: takes verdicts as they are", () => {
  const answer = { verdicts: [verdict], elapsedMs: 2, cpuMs: 1 };
  assert.deepEqual(parseAnswer(JSON.parse(JSON.stringify(answer))), answer);
});

test("parseAnswer: verdicts that no detector gives are inspect/crashed", () => {
  const wrong: readonly object[] = [
    { detector: "no-such" },
    { detector: "__proto__" },
    { verdict: "fine" },
    { consistency: "perfect" },
    { coverage: { looked: -1, total: 1 } },
    { coverage: null },
    { milliseconds: Number.NaN },
    { suspicions: Array(1_000).fill(suspicion) },
    { suspicions: [{ ...suspicion, techniques: [] }] },
    { suspicions: [{ ...suspicion, techniques: ["T0"] }] },
    { suspicions: [{ ...suspicion, evidence: [] }] },
    { suspicions: [{ ...suspicion, severity: "worst" }] },
    { suspicions: [{ ...suspicion, title: "x".repeat(100_000) }] },
    { suspicions: [{ ...suspicion, evidence: [{ what: "x", disassembly: [1] }] }] },
    { missed: [{ what: "x" }] },
  ];
  for (const change of wrong) {
    assert.throws(() => parse({ ...verdict, ...change }), { code: "inspect/crashed" });
  }
});

test("parseAnswer: of what a verdict has besides nothing is taken over", () => {
  const extra = { ...verdict, admin: true, suspicions: [{ ...suspicion, severityReason: "x" }] };
  assert.deepEqual(parse(extra), { verdicts: [verdict], elapsedMs: 2, cpuMs: 1 });
});

test("parseAnswer: malformed verdicts are inspect/crashed, whatever they are", () => {
  const half = fc.record(
    Object.fromEntries(Object.keys(verdict).map((key) => [key, fc.jsonValue()])),
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(fc.oneof(fc.jsonValue(), half), (value) => {
      try {
        parse(value);
      } catch (thrown) {
        assert.ok(thrown instanceof CasemateError);
        assert.equal(thrown.code, "inspect/crashed");
      }
    }),
  );
});
