import assert from "node:assert/strict";
import { test } from "node:test";
import { parseAnswer } from "./messages.ts";

const modules = { ask: "file", path: "/proc/modules", bytes: 4_096 } as const;

test("parseAnswer: takes questions to an agent as they are", () => {
  const questions = [modules, { ask: "processes" }, { ask: "interfaces" }];
  assert.deepEqual(parseAnswer({ questions }), { questions });
});

test("parseAnswer: questions that no detector asks are inspect/crashed", () => {
  const wrong: readonly unknown[] = [
    "all",
    [{ ask: "exec" }],
    [{ ...modules, path: "/etc/machine-id" }],
    [{ ...modules, path: "/proc/1/../../etc/shadow" }],
    [{ ...modules, path: undefined }],
    [{ ...modules, bytes: 1e12 }],
    [{ ...modules, bytes: "1" }],
    [null],
    Array(10_000).fill(modules),
  ];
  for (const questions of wrong) {
    assert.throws(() => parseAnswer({ questions }), { code: "inspect/crashed" });
  }
});
