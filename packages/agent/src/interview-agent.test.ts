import assert from "node:assert/strict";
import { test } from "node:test";
import { CasemateError, milliseconds } from "@casemate/core";
import { type AgentAnswer, type AgentQuestion, usualAllowances } from "@casemate/inspect";
import type { InspectorRequest } from "./inspector/messages.ts";
import type { InspectedGuest } from "./inspector.ts";
import { interviewAgent } from "./interview-agent.ts";

const request = {
  detectors: ["agent-answers"],
  classes: ["kernelMetadata"],
  budget: milliseconds(10),
  allowances: usualAllowances,
  withDisks: false,
} as const;

/** A guest whose agent answers that it cannot; all it was asked is kept. */
function guest() {
  const asked: AgentQuestion[] = [];
  const neverOpened = () => Promise.reject(new CasemateError("internal", "Cannot open it."));
  const inspected: InspectedGuest = {
    ...{ key: "vm", open: neverOpened, openDisks: neverOpened },
    talk: () => async (questions) => {
      asked.push(...questions);
      return questions.map((): AgentAnswer => ({ kind: "refused", words: "No." }));
    },
  };
  return { asked, inspected };
}

test("interviewAgent: puts what the inspector asks, and brings it the answers, until it asks nothing", async () => {
  const { asked, inspected } = guest();
  const told: unknown[] = [];
  const inspector = async (order: InspectorRequest) => {
    told.push(order.ask === "interview" ? order.answers : order);
    return { questions: told.length < 3 ? [{ ask: "processes" } as const] : [] };
  };
  await interviewAgent(inspector, inspected, request);
  assert.equal(asked.length, 2);
  const answers = [{ kind: "refused", words: "No." }];
  assert.deepEqual(told, [undefined, answers, answers]);
});

test("interviewAgent: an inspector that asks for ever is heard for some rounds", async () => {
  const { asked, inspected } = guest();
  await interviewAgent(async () => ({ questions: [{ ask: "processes" }] }), inspected, request);
  assert.ok(asked.length < 10);
});

test("interviewAgent: without leave to read files the agent is asked for none", async () => {
  const { asked, inspected } = guest();
  const questions = [{ ask: "file", path: "/etc/shadow", bytes: 100 } as const];
  const ask = (classes: readonly ("kernelMetadata" | "fileContents")[]) =>
    interviewAgent(async () => ({ questions }), inspected, { ...request, classes });
  await assert.rejects(ask(["kernelMetadata"]), { code: "inspect/crashed" });
  assert.equal(asked.length, 0);
  await ask(["kernelMetadata", "fileContents"]);
  assert.ok(asked.length > 0);
});
